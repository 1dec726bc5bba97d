# frozen_string_literal: true

require_relative "run/acting"
require_relative "run/attendance"
require_relative "run/finding"
require_relative "run/halting"
require_relative "run/naming"

module Workflow
  # One execution of a workflow for one object: its state and steps as the log has them, and what can be asked of it.
  # A copy of the moment it was read; `reload` reads again. Never nil: without a run its state is :none.
  class Run
    extend Finding
    include Acting
    include Attendance
    include Halting
    include Naming

    # What a run can be in.
    STATES = %i[none scheduled running waiting retrying paused undoing failed done expired cancelled].freeze
    ENDED = %i[done expired cancelled].freeze
    PAGE = 1000

    # @param snapshot [Hash, nil] as the core gives it; nil: read when first needed
    # @param execution [Execution, nil] the step that is being executed, for {#attempt} and {#fence}
    # @api private
    def initialize(snapshot, subject: nil, existing: false, id: nil, execution: nil)
      @snapshot, @subject, @existing, @execution = snapshot, subject, existing, execution
      @id = id || snapshot[:id]
    end

    # @return [String, nil] sorts by time; nil when there is no run
    attr_reader :id

    # @return [Symbol] of the workflow; :".call" of a method's run
    def name = snapshot[:name].to_sym
    # @return [Symbol] one of {STATES}
    def state = snapshot[:state]
    # @return [Integer] how many events it has
    def version = snapshot[:version]
    # What it was labelled with when it started.
    # @return [Hash{Symbol=>String}] whatever the values were
    # @example
    #   order.start(tags: { seats: 5 }).tags  # => { plan: "pro", seats: "5" }
    def tags = (snapshot[:tags] || []).each_slice(2).to_h { |name, value| [ name.to_sym, value ] }
    # @return [Time, nil]
    def started_at = Moment.at(snapshot[:started_ms])
    # @return [Time, nil]
    def ended_at = Moment.at(snapshot[:ended_ms])
    # @return [Boolean] whether `start` found it open instead of starting it
    def existing? = @existing

    STATES.each { |state| define_method(:"#{state}?") { self.state == state } }

    # @return [Boolean] done, expired or cancelled
    def ended? = ENDED.include?(state)

    # Each under the name that the present code has for it.
    # @return [Array<Step>] in the order declared
    def steps = @steps ||= named_steps

    # @param name [Symbol] the present one, or one that the step had in earlier code
    # @return [Step]
    # @raise [ArgumentError] of a name that the run has no step of
    # @example
    #   run.step(:charge).attempts
    def step(name)
      name = Names.read("step", name, "a step")
      find_step(name) or
        raise ArgumentError, "run #{id} has no step #{name.inspect}.#{Suggestion.for(name, steps.map(&:name))}"
    end

    # @return [Symbol, nil] the step whose input is awaited
    def waiting_for = steps.find(&:waiting?)&.name

    # @param name [Symbol] of the step
    # @return [Boolean] whether that step is awaited now
    # @raise [ArgumentError] of a name that the run has no step of
    # @example
    #   signup.workflow.waiting_for?(:activate)  # => true
    def waiting_for?(name) = step(name).waiting?

    # @param name [Symbol] of the step
    # @return [Boolean] whether that step has completed in its present round
    # @raise [ArgumentError] of a name that the run has no step of
    # @example
    #   signup.workflow.completed?(:create_account)  # => true
    def completed?(name) = step(name).completed?

    # Whether it has come to a step and not beyond it, as {Runs#at} finds it; of several branches each has a step that the run
    # is at. Asks of steps that the present code has no more, too.
    # @param name [Symbol] the present one, or one that the step had in earlier code
    # @return [Boolean] false also where the run has no such step
    # @example
    #   Order.workflows.paused.select { |run| run.at?(:count_stock) }
    def at?(name) = step?(name) && step(name).reached?

    # @return [Step, nil] the one that is awaited, being run or next, in a paused run too; nil when the run has failed or ended, or there is none
    def current_step
      return if none? || failed? || ended?
      steps.find(&:waiting?) || steps.find { |step| !step.completed? && !step.skipped? }
    end

    # @return [Failure, nil] of the step that failed last or is being retried
    def error
      steps.select { |step| step.failed? || step.retrying? }.max_by { |step| step.ended_at.to_f }&.error
    end

    # Its events, oldest first.
    # @param after [Integer] the version from which on they are left out: 0 for all. ({Workflow.events} goes by positions in the log)
    # @return [Array<Event>]
    # @raise [StoreError] when the log cannot be read
    # @example
    #   run.events(after: 5).map(&:kind)  # => [:step_started, :step_completed]
    def events(after: 0)
      found = []
      return found unless id
      loop do
        rows = Workflow.engine.events(id, after, PAGE)
        found.concat(rows.map { |row| Event.new(row) })
        return found if rows.size < PAGE
        after = rows.last[2]
      end
    end

    # What an await accepted. In a step of this run as it was submitted; elsewhere with "[FILTERED]" for what `filter_parameters` match.
    # @return [Hash{Symbol=>Object}, nil] {} where nothing was sent; nil as long as nothing is accepted
    # @raise [ArgumentError] of a name that the run has no step of
    # @example
    #   workflow.input(:confirm)[:code]
    def input(name)
      version = step(name).input_version
      payload(version) || {} if version&.positive?
    end

    # @param name [Symbol] of a step with `result: true`
    # @return [Object, nil] what the step returned, if it keeps it; shown as an input is
    # @raise [ArgumentError] of a name that the run has no step of
    # @raise [KeyMissing] in a step, where the secret that it was encrypted with is gone
    # @example
    #   order.workflow.result(:charge)  # => { "charge_id" => "ch_4711" }
    def result(name) = payload(step(name).result_version)

    # @return [Object] the record or object that the run is about
    # @raise [SubjectMissing]
    def subject = @subject ||= Subject.load(snapshot[:class_name], snapshot[:subject])

    # @return [Integer, nil] inside a step: which attempt this is, from 1
    def attempt = @execution&.work&.attempt

    # @return [Integer, nil] inside a step: a number that only grows, to refuse a superseded holder elsewhere
    def fence = @execution&.work&.fence

    # @return [Object, nil] inside a step: what an attempt of this round last told `progress` as its cursor
    # @example
    #   rows.where("id > ?", workflow.cursor || 0)
    def cursor = @execution&.cursor

    # Reads the run again.
    # @return [Run] itself
    def reload
      return replace(Run.current(Subject.of(subject), name).snapshot) unless id
      found = Workflow.engine.find(id)
      found.nil? && promised? ? self : replace(found)
    end

    # @return [Boolean] whether it is of a single method, not of a workflow
    def method_run? = name.start_with?(".")

    # With what exceptions said, hosts and process ids: for those who run the application, not for visitors.
    # @return [Hash{Symbol=>Object}]
    def to_h
      { id: id, name: name, state: state, version: version, reason: reason, waiting_for: waiting_for, tags: (tags if tags.any?),
        started_at: started_at, ended_at: ended_at, error: error&.to_s, steps: steps.map(&:to_h) }.compact
    end

    # What `render json:` of it gives.
    # @return [Hash]
    # @api private
    def as_json(...) = to_h.as_json(...)

    def inspect = "#<#{self.class} #{id} #{snapshot[:key]} #{state} v#{version}>"

    # The same run, of whatever moment each of the two is a copy. What has not begun is only itself.
    # @param other [Object]
    # @return [Boolean]
    # @example
    #   order.workflows.include?(order.workflow)  # => true
    def ==(other) = equal?(other) || (other.is_a?(Run) && !id.nil? && id == other.id)
    alias_method :eql?, :==

    # @return [Integer]
    def hash = id.nil? ? super : [ Run, id ].hash

    # @return [Object, nil] {#subject}, if it is at hand
    # @api private
    def known_subject = @subject

    # @api private
    def snapshot
      @snapshot ||= Workflow.engine.find(id) or raise RunMissing, gone
    end

    # @api private
    def replace(snapshot)
      @snapshot, @steps, @unattended, @id = snapshot, nil, nil, snapshot&.fetch(:id, nil) || id
      self
    end

    # @return [Boolean] whether it starts only if the transaction commits that it was started in
    # @api private
    def promised? = !!@snapshot && version.zero? && scheduled?

    # Takes on what became of it.
    # @param run [Run]
    # @api private
    def become(run)
      @existing = run.existing?
      replace(run.snapshot)
    end

    # It is not going to start.
    # @api private
    def withdraw
      LoadedRuns.drop(subject)
      @snapshot, @steps, @id = Run.found(Subject.of(subject), name, nil).snapshot, nil, nil
    end

    # @api private
    def blueprint = definition.blueprint(subject.class)

    private
      # For messages: whose run it is, or would be.
      def about
        return snapshot[:key] if snapshot[:key]
        whose = Subject.of(subject)
        whose.identified? ? whose.key(name) : whose.klass.to_s
      end

      def gone
        "The log #{Workflow.configuration.store} has no run #{id}. Either it is another log than the one that the run is in, or it was restored from a copy " \
          "that is older than the run."
      end

      def definition
        declarations = Declarations.of(subject.class)
        method_run? ? declarations.of_method(name.to_s.delete_prefix(".")) : declarations.workflow!(name)
      end

      def payload(version)
        return unless version&.positive?
        event = Event.find(id, version) or return
        within = @execution&.inside? ? @execution : Execution.of_run(id)
        within && Secrets.in?(event.bytes) ? within.opened(event.bytes) : event.payload
      end
  end
end
