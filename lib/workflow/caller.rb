# frozen_string_literal: true

require_relative "caller/pledging"
require_relative "caller/promising"
require_relative "caller/proving"
require_relative "caller/starting"
require_relative "caller/stepping"
require_relative "caller/submitting"
require_relative "caller/method_calling"

module Workflow
  # The caller's side of the words: start, submit, now and later, for one object. Finds which run is meant, asks the
  # core, and runs here what is to be run here. A controller, a console, a test and another step all come through it.
  class Caller
    include Pledging
    include Promising
    include Proving
    include Starting
    include Submitting
    include Stepping
    include MethodCalling

    MOVABLE = %i[waiting ready retrying].freeze

    # @param raising [Boolean] whether a step's own error, a rejection or an invalid record is raised
    # @param run [Run, nil] the run meant; nil: found by the name of the step
    # @param round [Integer, nil] the round of an await that an input is for; nil: whichever it is in
    def initialize(object, raising: false, run: nil, round: nil)
      @object, @raising, @run, @round = object, raising, run, round
      @subject = Subject.of(object)
      LoadedRuns.drop(object)
    end

    # Runs a step of the run, or a method, here.
    # @return [Run, Object]
    def now(name, *arguments, **keywords, &block)
      name = Names.read("now", name, "a step or a method")
      raise ArgumentError, "now(#{name.inspect}) takes no block: it could not be written to the log" if block
      return call_now(name, arguments, keywords) unless step?(name)
      raise ArgumentError, "#{name} is a step: it takes no arguments" if arguments.any? || keywords.any?
      step_now(name)
    end

    # Hands a step of the run, or a method, to the workers.
    # @return [Run, Decorator]
    def later(name = nil, *arguments, with: {}, **options)
      return Decorator.for(@object, self, options) if name.nil?
      name = Names.read("later", name, "a step or a method")
      return call_later(name, arguments, with, options) unless step?(name)
      given = arguments.any? || with.any? || options.any?
      raise ArgumentError, "#{name} is a step: it takes no arguments, and its options are declared" if given
      step_later(name)
    end

    private
      attr_reader :object, :subject

      def klass = subject.klass
      def declarations = @declarations ||= Declarations.of(klass)
      def step?(name) = declarations.with_step(name).any? || step_of_run?(name)

      # One that the code has no more is still the run's.
      def step_of_run?(name) = !@run.nil? && !@run.method_run? && @run.step?(name)

      # The run of the workflow that has a step: where several have it, the one that can use it.
      def run_for(step)
        return run_given(step) if @run
        definitions = declarations.with_step(step)
        return run_from_earlier(step) if definitions.empty?
        runs = definitions.map { |definition| Run.current(subject, definition.name) }
        runs.find { |run| run.step?(step) && MOVABLE.include?(run.step(step).state) } ||
          runs.find { |run| run.id && !run.ended? } || runs.find(&:id) || runs.first
      end

      def run_given(step) = step?(step) ? @run : raise(DefinitionError, unknown(step))

      # The open run that began with a step which the code has no more.
      def run_from_earlier(step)
        runs = subject.identified? ? Runs.of(object) : []
        runs.find { |run| !run.ended? && run.step?(step) } or raise DefinitionError, unknown(step)
      end

      def unknown(step)
        steps = declarations.workflows.values.flat_map { |definition| definition.steps.map(&:name) }
        "#{klass} has no step #{step.inspect} in a workflow.#{Suggestion.for(step, steps)}"
      end

      # How a step of a run stands, for messages.
      def standing(run, name)
        return "no run of it has started" unless run.id
        return "the run is paused#{": #{run.reason}" if run.reason}. Resume it first" if run.paused?
        step = run.step(name) if run.step?(name)
        step ? "it is #{step.state}#{" (the run is #{run.state})" unless run.running?}" : "run #{run.id} has no such step"
      end
  end
end
