# frozen_string_literal: true

require "workflow"

# Prints the events of a log, one a line: those that are new since it was asked last, or as they come.
class LogPrinter
  COLUMNS = "%-12s  %-13s  v%-3s  %-15s  %-20s  %-9s  %s"
  PAGE = 100
  WAIT_MS = 1000

  # All the events printed so far.
  attr_reader :printed

  def initialize(store)
    Workflow.configure { |config| config.store = store }
    @printed = []
  end

  # Begins at the end of the log, and prints from a thread of its own.
  def follow
    skip
    @thread = Thread.new { loop { wait && print_new } }
  end

  def stop = @thread&.kill&.join

  # From here on: what is in the log already is not printed.
  def skip = @position = Workflow.engine.last_position

  def print_new(indent: "")
    while (events = Workflow.events(after: @position, limit: PAGE)).any?
      events.each { |event| puts indent + line(event) }
      @printed.concat(events)
      @position = events.last.position
    end
  end

  private
    def wait = Workflow.engine.wait_log(@position, WAIT_MS)

    def line(event)
      attempt = "attempt #{event.attempt}" if event.attempt&.positive?
      format(COLUMNS, event.at.strftime("%H:%M:%S.%L"), event.run_id, event.version, event.kind, event.step,
        attempt, event.by).rstrip
    end
end
