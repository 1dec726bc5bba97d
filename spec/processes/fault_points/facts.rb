# frozen_string_literal: true

# What another process finds after a kill, once it has recovered as any process would; and whether that can be.
class Facts
  WITHIN_S = 20
  EFFECTS = { paid: [ :step_completed, :pay ], confirmed: [ :input_accepted, :confirm ], packed: [ :step_completed, :pack ] }.freeze
  ENDS = %i[done cancelled].freeze
  RESTS = [ :waiting, :failed, *ENDS ].freeze

  # @return [Array<String>]
  attr_reader :problems

  def initialize(path)
    @path, @problems = path, []
    @recovery = Workflow::Recovery.new(Workflow.configuration)
  end

  # What any process does that comes later.
  def recover
    @worker = Workflow::Worker.new(threads: 1).start
    settle
  end

  # @param check [Proc] of the scenario
  # @return [Array<String>] what is wrong
  def find(check)
    recover
    compare
    problems.concat([ check.call(self) ].flatten.compact)
    live_on
    finish
    problems
  end

  # Until nothing is left to be done, nor to be told.
  def settle
    deadline, pause = now + WITHIN_S, 0.004
    loop do
      @recovery.sweep(age_s: 0)
      return if at_rest?
      break problems << "nothing rests: #{left}" if now > deadline
      sleep pause
      pause = [ 2 * pause, 0.1 ].min
    end
  end

  def orders = Order.order(:id).to_a
  def runs = Order.workflows.to_a
  def notes = Note.count
  def confirmed = Order.sum(:confirmed)

  private
    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

    def at_rest?
      claims.zero? && Application.quiet? && ReceiptsTable.pending.none? && runs.all? { |run| RESTS.include?(run.state) }
    end

    # A doubt is one.
    def claims = log { |log| log.get_first_value("SELECT (SELECT count(*) FROM ready WHERE owner <> 0) + (SELECT count(*) FROM waits WHERE owner <> 0)") }

    def log
      database = SQLite3::Database.new(@path, readonly: true)
      yield database
    ensure
      database&.close
    end

    def left
      "#{ReceiptsTable.pending.size} intents, #{claims} claims, #{Workflow.engine.doubts(10).size} doubts, #{runs.map { |run| "#{run.name} #{run.state}" }.join(", ")}"
    end

    # Record and run, effect and event. A run without a record is one that ended with it. What failed waits for a person first:
    # a step that was parked after three crashes may have a receipt, which the next try finds.
    def compare
      by_key = runs.reject(&:method_run?).group_by { |run| run.snapshot[:key] }
      orders.each do |order|
        of_order = by_key.delete(Workflow::Subject.of(order).key(:workflow)) || []
        problems << "#{order.name} has #{of_order.size} runs" unless of_order.size == 1 || order.name == "bare" && of_order.empty?
        effects(order, of_order.flat_map(&:events)) unless of_order.any?(&:failed?)
      end
      by_key.each { |key, of_none| problems << "#{key} is a run without a record" unless of_none.all? { |run| run.cancelled? && run.reason == "destroyed" } }
    end

    def effects(order, events)
      EFFECTS.each do |column, (kind, step)|
        recorded = events.count { |event| event.kind == kind && event.step == step }
        problems << "#{column}: #{order[column]} in the record, #{recorded} in the log" unless order[column] == recorded && recorded < 2
      end
      versions = events.map(&:version)
      problems << "the versions are #{versions}" unless versions == (1..versions.size).to_a
    end

    # What was left goes on as if nothing had happened: nothing is stuck.
    def live_on
      orders.each { |order| order.workflow.then { |run| run.none? ? order.start : run.failed? && run.retry } }
      settle
      open = orders.reject { |order| ENDS.include?(order.workflow.state) }
      open.each { |order| problems << "#{order.name} is not to be confirmed" unless order.submit(:confirm).accepted? }
      settle
      compare
      orders.each { |order| whole(order) if order.workflow.done? }
    end

    def whole(order)
      counts = EFFECTS.each_key.map { |column| order[column] }
      problems << "#{order.name} is done, with #{counts}" unless counts == [ 1, 1, 1 ]
    end

    def finish
      @worker.stop(timeout: 5)
      Workflow.runtime.stop(timeout: 5)
      problems << "#{claims} claims are nobody's" unless claims.zero?
      problems.concat(Workflow::Verification.new(@path).differences)
    end
end
