# frozen_string_literal: true

require_relative "execution/committing"
require_relative "execution/telling"
require_relative "execution/veiling"

module Workflow
  # One attempt at a step: calls its method, and tells the core how it ended. Callers and workers share it, so that a
  # step ends the same way wherever it runs. What is no failure of the step (a killed thread, a signal) records
  # nothing here: whoever owns the hand gives it back. A worker's thread gets no signals: there whatever is raised is a
  # failure, a step that says `exit` too, which would end its process, and the next one's.
  class Execution
    include Committing
    include Telling
    include Veiling

    CURRENT = :workflow_execution
    FAILURES = [ StandardError, ScriptError, SystemStackError ].freeze
    FAILURES_OF_WORKERS = [ Exception ].freeze
    MESSAGE_LEN_MAX = 10_000
    # WF_REMINDERS_MAX of the core.
    REMINDERS_MAX = 3

    NO_INPUT = {}.freeze
    # What a method comes to that is not left by `reject`.
    THROUGH = Object.new.freeze
    private_constant :THROUGH

    # Why the run ends here, and its step is not run.
    Over = Struct.new(:reason)

    class << self
      # @return [Execution, nil] the one that this thread of control is in
      def current = Thread.current[CURRENT]

      # @return [Execution, nil] of that run, that this thread of control is in, be it that another began within it
      def of_run(run_id)
        execution = current
        execution = execution.outer while execution && execution.work.run_id != run_id
        execution
      end

      # @return [Array<Execution>] that this thread of control is in, the innermost first
      def nested
        found, execution = [], current
        while execution
          found << execution
          execution = execution.outer
        end
        found
      end

      # @return [Array<Execution>] the same of steps; what is run about an await is left out
      def steps = nested.reject { |execution| execution.work.await? }

      # @raise [Error] outside a step
      def reject(message) = throw(inside("reject"), message)

      # @param word [String] what was said, for the error
      # @return [Execution] the one that this thread of control is in
      # @raise [Error] outside a step
      def inside(word)
        current or raise Error, "#{word} is for inside a step, and this code is not in one."
      end
    end

    # @return [Work]
    attr_reader :work
    # @return [Exception, nil] why the attempt failed
    attr_reader :error
    # @return [Object, nil] what the method returned
    attr_reader :value
    # @return [Array<Class>] what may be raised of which the step fails
    attr_reader :failures
    # @return [Execution, nil] the one that this thread was in before
    attr_reader :outer
    # @return [Condition, Over, nil] of the workflow's `while:`, if it is not met, or that the record is destroyed: then nothing was called
    attr_reader :over

    # @param object [Object, nil] nil: found afresh
    # @param input [Hash] the keywords of an await's method
    # @param failures [Array<Class>] what may be raised of which the step fails
    def initialize(hand, work, object = nil, input: NO_INPUT, failures: FAILURES)
      @hand = hand # one by one: one assignment of all, being the method's last, would make an array at each step
      @work = work
      @object = object
      @input = input
      @failures = failures
    end

    # Runs the step and records how it ended.
    # @param wait [Boolean] whether until it is durable
    # @return [Array(Hash, Array, Array), nil] snapshot, events, the next work; nil unless `wait`
    def perform(wait:)
      told = Travel.around(work) { perform_here(wait) }
      told && @limited ? late(told) : told
    end

    # Asks the conditions and runs the method, and records nothing.
    # @return [Exception, nil] {#error}
    def attempt
      try
      ended = !left?
      @error
    ensure
      cancel_parting unless ended
    end

    # @return [Exception, nil] {#error}, unless it is what the application says against an input
    def fault = (error unless left_to_workers? || work.judge? && error && !Verdict.new(self).fault?)

    # Cancels the run instead of running the step, which goes back: {#over} says why.
    # @return [Array(Hash, Array, nil), nil] snapshot and events; nil unless `wait`
    def stop(wait) = @hand.cancel(blueprint, @over.reason, wait)

    # The run is not to go on after this step; it is cancelled then, unless it ends by it.
    # @param reason [String]
    def part(reason)
      @parting = reason
      @hand.part(reason) if @hand.held?
    end

    # @return [Boolean] after {#attempt}: whether the method came to its end, and the hand still has the step
    def well? = @error.nil? && @over.nil? && @hand.held?

    # @return [Boolean] whether it was left by `reject`
    def rejected? = !@rejection.nil?

    # @return [Boolean] whether the present code has no such step any more; nothing was run
    def vanished? = @error.is_a?(StepVanished) && @blueprint.nil?

    # Stops the run at a step that the present code has no more: whoever holds it puts it down.
    # @param wait [Boolean] whether until it is durable
    # @return [Array(Hash, Array, nil), nil] snapshot and events; nil unless `wait`
    def pause(wait) = @hand.pause(blueprint, message, wait)

    # @return [Object] the subject
    def object = @object ||= Subject.load(work.class_name, work.subject)

    # @return [Run] of this step, for {Words#workflow} inside it
    def run = @run ||= Run.new(nil, id: work.run_id, subject: object, execution: self)

    # @return [Array(String, String, Integer)] run, step as the run names it, and number
    def attempt_id = [ work.run_id, work.step, work.attempt ]

    # @return [Boolean] whether its method, or what is asked before, is being called
    def inside? = @inside ? true : false

    # @param subject [Subject]
    def about?(subject) = object.equal?(subject.object) || (subject.identified? && Subject.of(object).prefix == subject.prefix)

    def named?(name) = work.name == name.to_s || work.name == ".#{name}"

    # @return [Native::Definition] what the present code says of the run; a stand-in where it says nothing
    def blueprint
      @blueprint || Definition.stand_in(work.name, work.step).blueprint_of(work.class_name)
    end

    private
      def perform_here(wait)
        find_kept if work.judge?
        attempt
        return leave(wait) if left?
        return pause(wait) if vanished?
        return stop(wait) if @over
        return judged(wait) if work.judge?
        @error ||= overtime
        return fail(wait) if @error
        return @hand.skip(blueprint, @unmet.reason, wait) if @unmet
        work.ask? ? @hand.open(blueprint, wait) : @hand.complete(blueprint, @result, wait)
      end

      def try
        @hand.enter
        prepare
        limit
        message = catch(self) do
          during { act }
          THROUGH
        end
        @error = @rejection = Rejected.new(message) unless THROUGH.equal?(message)
      rescue SubjectMissing => error
        missing(error)
      rescue *failures => error
        @error = error
      end

      # The attempt does not come to an end with which the run could be cancelled: it is interrupted, or nobody's any more.
      def cancel_parting
        Run.new(nil, id: work.run_id).cancel(reason: @parting) if @parting
      rescue NotPending
        nil # it ended meanwhile
      end

      # Before the method is called, so that nothing that can be wrong with the code or the configuration is found
      # out after the step has had its effect.
      def prepare
        @positional, @keywords, options = work.call
        @input = Serializer.open(@kept).first || {} if work.judge?
        @keywords = @input unless work.method_run?
        @definition = definition(options)
        @blueprint = @definition.blueprint(object.class)
      end

      def definition(options)
        declarations = Declarations.of(object.class)
        return declarations.of_method(work.step.to_sym, options) if work.method_run?
        found = declarations.workflow(work.name)
        return found if found&.runs?(work.step, await: work.await?)
        raise StepVanished, Gap.at(Workflow.engine.find(work.run_id), work.step, object.class, found).to_s
      end

      def during
        @outer = Thread.current[CURRENT]
        Thread.current[CURRENT] = self
        @inside = true
        yield
      ensure
        @inside = false
        Thread.current[CURRENT] = @outer
      end

      def act
        return if (@over = @definition.unmet(object))
        @unmet = unmet if work.conditional?
        return if @unmet || work.ask?
        begin_once
        commits? ? commit { run_method } : run_method
      end

      def run_method
        call
        @result = kept if step.result?
      end

      # The condition that is not met. That all are is remembered, so that a retry does not ask them again.
      def unmet
        return if step.conditions.empty?
        condition = step.unmet(object)
        @hand.met unless condition
        condition
      end

      def call
        Instrumentation.attempt(self) do
          @value = send_method if there?
        end
      end

      # Most are called without arguments, for which no arrays and hashes are made.
      def send_method
        return object.__send__(method_name) if @positional.empty? && @keywords.empty?
        object.__send__(method_name, *@positional, **@keywords)
      end

      def kept
        Serializer.dump([ @value ], "the result of #{work.class_name}##{work.step}")
      rescue NotSerializable, PayloadTooLarge
        @unkept = true
        raise
      end

      # As the present code names it. What the await opened with is for code that says nothing of it any more.
      def method_name
        case work.mode
        when :otherwise then step.otherwise || work.method_name
        when :remind then step.remind || work.method_name
        else step.name
        end
      end

      # @return [StepDefinition, nil] nil: the present code does not say
      def step = @step ||= @definition&.step(work.step)

      # An await may do without a method of its own. What it is to call besides may not be missing.
      def there?
        return true unless step.await?
        return OwnMethods.for_input?(object, method_name) if work.own?
        object.respond_to?(method_name, true) or raise DefinitionError, missing_method
      end

      def missing_method
        occasion, remedy = work.remind? ? [ "remind somebody", "in remind: { with: … }" ] : [ "finish when its time is over", "in otherwise:; then run.retry" ]
        "#{work}: #{object.class} has no method #{method_name}, which #{step} (#{step.location}) calls to #{occasion}. Bring it back, or name another " \
          "one #{remedy}."
      end

      # Before the attempt: that the log cannot be read at this moment is nothing against the input.
      def find_kept
        @kept = Event.find(work.run_id, work.kept_version).bytes
      end

      # The input came early and its turn has come: accepted, or the await opens and asks for another. Where nobody could
      # judge another one either, the step fails.
      def judged(wait)
        return @hand.accept(blueprint, @kept, wait) unless @error
        return fail(wait) if %w[subject_missing key_missing undefined].include?(reason)
        verdict = Verdict.new(self)
        report(true) if verdict.fault?
        @hand.reject(verdict.error_class, verdict.text, blueprint, wait, verdict.where)
      end

      def fail(wait)
        final = rejected? || step.nil? || !reason.nil? || step.final?(@error)
        report(final || work.attempt > retries, subscribed: !work.remind?) unless rejected?
        @hand.fail(blueprint, @error.class.to_s, message, Report.where(@error), final, delay_ms, reason, wait)
      end

      # How many attempts follow the first. A reminder has as many as the core says.
      def retries = work.remind? ? REMINDERS_MAX - 1 : step.retries

      def reason
        return "rejected" if rejected?
        return "result" if @unkept
        return "subject_missing" if @error.is_a?(SubjectMissing)
        return "key_missing" if @error.is_a?(KeyMissing)
        "undefined" if @blueprint.nil? && @error.is_a?(DefinitionError)
      end

      def delay_ms
        step&.delay_ms(work.attempt)
      rescue StandardError => error
        Report.error(error, handled: true, context: Instrumentation.of_work(work), veil: method(:veil))
        nil
      end

      def report(final, subscribed: false)
        Report.error(@error, handled: !final, context: Instrumentation.of_work(work), subscribed: subscribed, veil: method(:veil))
      end
  end
end
