# frozen_string_literal: true

require_relative "runs/subjects"
require_relative "runs/reading"

module Workflow
  # The runs of an object or of a class, newest first, those of single methods included. A query: filters return
  # another one, nothing is read before it is asked for, and then page by page, so that a run which changes meanwhile
  # is told as it is when its page is read. Enumerable; counted without making a Run.
  class Runs
    include Enumerable
    include Reading

    STATES = (Run::STATES - %i[none]).freeze

    # @api private
    def self.of(object) = new(object.class).for(object)

    # @api private
    def self.of_class(klass)
      scope = Subjects.scope_of(klass)
      scope ? new(klass).for(scope) : new(klass)
    end

    # @api private
    def initialize(klass, filters = { states: nil, steps: [], tags: [], name: nil, subjects: [] })
      @klass, @filters = klass, filters
    end

    # @!method failed
    #   Those in a state: there is one such method for each, `scheduled`, `running`, `waiting`, `retrying`, `paused`,
    #   `undoing`, `failed`, `done`, `expired` and `cancelled`.
    #   @return [Runs]
    #   @example
    #     Order.workflows.failed.each { |run| run.retry }
    STATES.each { |state| define_method(state) { with(states: (@filters[:states] || STATES) & [ state ]) } }

    # Those that have come to a step and not beyond it: it is ready, running, awaited, delayed, to be retried, or failed.
    # @param step [Symbol] of a workflow of the class, or a method
    # @return [Runs]
    # @raise [DefinitionError] of a name that is neither
    # @example
    #   Order.workflows.failed.at(:charge).count
    def at(step)
      refuse_step(step) unless step.respond_to?(:to_sym) && step?(step.to_sym)
      with(steps: @filters[:steps] | [ names_of(step).join("\0") ], states: (@filters[:states] || STATES) - Run::ENDED)
    end

    # Those with all of these tags.
    # @param tags [Hash] names and values; 5 finds "5"
    # @return [Runs]
    # @raise [NotSerializable, PayloadTooLarge, ArgumentError] of what cannot be a tag
    # @example
    #   Order.workflows.tagged(plan: "pro", region: :eu).waiting
    def tagged(tags)
      tags = Tags.read(tags)
      empty = tags.key(nil)
      raise ArgumentError, "tagged(#{empty}: nil): a tag without a value is not kept, so that none is found" if empty
      with(tags: @filters[:tags] | tags.to_a)
    end

    # Those of some objects: a relation, which is asked for its ids when the runs are read; an object; an Array.
    # @param subjects [ActiveRecord::Relation, Object, Array<Object>]
    # @return [Runs]
    # @raise [ArgumentError] of objects of another class
    # @example
    #   Order.workflows.waiting.for(Order.where(region: "eu")).first(10)
    def for(subjects) = with(subjects: @filters[:subjects] + [ Subjects.of(@klass, subjects) ])

    # Those of one workflow, where the class has several, or of one method.
    # @param name [Symbol]
    # @return [Runs]
    # @raise [DefinitionError] of a name that is neither
    # @example
    #   order.workflows.named(:fulfilment)
    def named(name)
      name = Names.read("named", name, "a workflow or a method")
      declarations = Declarations.of(@klass)
      found = declarations.workflow(name)&.name || (:".#{name}" if own_method?(name)) || declarations.workflow!(name)
      with(name: found.to_s)
    end

    def inspect
      words = @filters.filter_map { |name, value| "#{name}: #{value.inspect}" unless value.nil? || value.empty? || name == :subjects }
      words << "for: some" if @filters[:subjects].any?
      "#<#{[ self.class, @klass, *words ].join(" ")}>"
    end

    private
      def with(changes) = Runs.new(@klass, @filters.merge(changes))

      # A run may be at a step that only a subclass has, or at a method that is none.
      def step?(name) = line_of(@klass).any? { |klass| Declarations.of(klass).with_step(name).any? } || own_method?(name)
      # As present and earlier code have it: open runs go by the names that they began with.
      def names_of(step)
        found = line_of(@klass).flat_map { |klass| Declarations.of(klass).with_step(step) }
        [ step.to_s, *found.flat_map { |definition| definition.step(step).then { |known| [ known.name, *definition.was(known) ] } } ].map(&:to_s).uniq
      end

      def line_of(klass) = [ klass, *klass.subclasses.flat_map { |child| line_of(child) } ]
      def own_method?(name) = @klass.public_method_defined?(name) && !Object.public_method_defined?(name)

      def refuse_step(name)
        steps = Declarations.of(@klass).workflows.values.flat_map { |definition| definition.steps.map(&:name) }
        raise DefinitionError, "#{@klass} has no step #{name.inspect} in a workflow.#{Suggestion.for(name, steps)}"
      end
  end
end
