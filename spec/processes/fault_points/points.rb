# frozen_string_literal: true

# Points at which this process kills itself: before every statement of the application's connections, and after every one
# that may change something. Those of the log are compiled into the core (ext/workflow/core/fault.h); both are named and chosen in the same way.
class Points
  POINT, TRACE = "WORKFLOW_FAULT_POINT", "WORKFLOW_FAULT_TRACE"
  TABLE = /\b(?:FROM|INTO|UPDATE)\s+"?(\w+)/i
  VERBS = /\A\s*(ROLLBACK TO|SET LOCAL|\w+)/i
  LOOK = /FROM "workflow_receipts"/ # recovery's, without a line in the log
  SETTING = /\ASET LOCAL [^;]*;\s*/ # sent with the statement that it is for

  class << self
    # From here on: all that are passed are written down, and the one that is meant is the last.
    # @param point [String, nil] "application before COMMIT#2": the second time
    # @param trace [String] a path
    def arm(point, trace)
      ENV[POINT], ENV[TRACE] = point, trace
      name, times = point&.split("#")
      @points = new(name, times.to_i, trace)
      ActiveSupport::Notifications.subscribe("sql.active_record", @points)
    end

    # @return [String, nil] nil: not of a transaction's or the application's making
    def name_of(payload)
      return if payload[:name] == "SCHEMA" && !payload[:sql].match?(LOOK) || payload[:cached]
      sql = payload[:sql].sub(SETTING, "")
      [ sql[VERBS, 1].upcase, sql[TABLE, 1] ].compact.join(" ")
    end

    # @return [Hash{String=>Integer}] how often each was passed
    def read(trace) = File.exist?(trace) ? File.readlines(trace, chomp: true).tally : {}
  end

  def initialize(name, times, trace)
    @name, @times = name, times
    @trace = File.open(trace, "a").tap { |file| file.sync = true }
    @lock = Mutex.new
  end

  # What Active Record's notifications call.
  def start(_event, _id, payload) = pass("before", payload)
  def finish(_event, _id, payload) = pass("after", payload)

  private
    def pass(moment, payload)
      statement = Points.name_of(payload)
      return if statement.nil? || moment == "after" && statement.start_with?("SELECT")
      name = "application #{moment} #{statement}"
      @lock.synchronize do
        @trace.puts(name)
        Process.kill(:KILL, Process.pid) && sleep if name == @name && (@times -= 1).zero?
      end
    end
end
