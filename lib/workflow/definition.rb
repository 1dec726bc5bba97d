# frozen_string_literal: true

require_relative "step_definition"
require_relative "blueprint"

module Workflow
  # A declared workflow: a frozen graph of steps with what each depends on. A single method that is run under the
  # log is one too, of one step, with a dot in front of its name. It never runs anything.
  class Definition
    # Of its steps, as `inspect` has them.
    SHOWN = 10

    # @return [Symbol] :workflow, or the name it was declared under; ".call" for a single method
    attr_reader :name
    # @return [Array<StepDefinition>] in the order written
    attr_reader :steps
    # @return [Hash] the options of the workflow
    attr_reader :options
    # @return [String] "file:line" of the declaration
    attr_reader :location
    # @return [Array<Condition>] what `while:` asks
    attr_reader :conditions
    # @return [Array<Array<Integer>>] for each step, the indexes of those that it comes after
    attr_reader :dependencies
    # @return [Hash{Symbol=>Symbol}] names that steps had in earlier code => the names that they have now
    attr_reader :renamed

    # The definition of a method that is no step.
    # @param declared [StepDefinition, nil] what `step :call, …` says of it
    # @param options [Hash] the options of this one call
    def self.of_method(name, declared: nil, options: {})
      location = declared ? declared.location : "later(#{name.inspect})"
      options = (declared ? declared.options : {}).merge(options)
      step = StepDefinition.new(name.to_sym, :later, options, location, type: :method)
      new(:".#{name}", [ step ], options: { unique: options.fetch(:unique, false) }, location: location)
    end

    # What is left when the code no longer knows a workflow whose step is to be failed.
    def self.stand_in(name, step)
      new(name.to_sym, [ StepDefinition.new(step.to_sym, :later, {}, "unknown") ], location: "unknown")
    end

    def initialize(name, steps, location:, options: {}, renamed: {})
      @name, @steps, @location, @renamed = name, steps.freeze, location, renamed.freeze
      @options = Options.check(:workflow, options, "#{location}: workflow #{name.inspect}")
      @conditions = Condition.of(@options)
      @by_name = steps.to_h { |step| [ step.name, step ] }.freeze
      @dependencies = steps.map { |step| indexes_before(step) }.freeze
      refuse_circles
      refuse_rivals_in_line
      @blueprints = {}
      freeze
    end

    # @param name [Symbol] the present one, or one that it had in earlier code
    # @return [StepDefinition, nil]
    def step(name) = @by_name[name.to_sym] || @by_name[renamed[name.to_sym]]

    # @return [Boolean] whether it has a step that is, or was, called that
    def step?(name) = !step(name).nil?

    # @param name [Symbol, String] as a run calls it
    # @param await [Boolean] whether it is an await of the run
    # @return [Boolean] whether the code can run that step: it may say another place, but not make an await of it
    def runs?(name, await:) = step(name)&.await? == await

    # @param step [StepDefinition]
    # @return [Array<Symbol>] what it was called in earlier code
    def was(step) = renamed.filter_map { |old, present| old if present == step.name }

    # What a run calls a step: the name that it began with.
    # @param name [Symbol] any that the step has or had
    # @param names [Array<Symbol>] of the run's steps
    # @return [Symbol, nil] nil: the run has no such step
    def name_in(names, name)
      return name if names.include?(name)
      found = step(name) and [ found.name, *was(found) ].find { |candidate| names.include?(candidate) }
    end

    # @return [Boolean] whether it is of a single method, run as `object.later(:call)`
    def method_run? = name.start_with?(".")

    # @return [Boolean] whether an object has at most one open run of it
    def unique? = options.fetch(:unique, true)

    # Whether its runs go on when the record that they are about is destroyed.
    def outlives_record? = options[:on_destroy] == :keep

    # Whether columns of its records say how its runs stand.
    def mirror? = options[:mirror] == true

    # @param object [Object] the subject
    # @return [Condition, nil] of `while:`, the first that is not met (any more)
    def unmet(object) = (conditions.find { |condition| !condition.met?(object) } unless conditions.empty?)

    # Checks that the methods of all steps exist and can be called as steps are.
    # @param booting [Boolean] whether the application boots: what only its database knows is not refused then, if that is away
    # @raise [DefinitionError] naming file and line of the step
    # @raise [ActiveRecord::ActiveRecordError] when only the database knows, and does not say, unless the application boots
    def verify(klass, booting: false)
      steps.each { |step| step.needed_methods.each { |method| asking(booting) { verify_method(klass, step.location, step, method) } } }
      steps.each { |step| verify_input(klass, step) if step.fields }
      conditions.filter_map(&:method_name).each { |method| asking(booting) { verify_method(klass, location, "while:", method) } }
      asking(booting) { Mirror::Columns.new(klass, self).verify } if mirror?
    end

    def inspect
      shown = steps.first(SHOWN).map { |step| "#{step.kind} #{step.name}" }
      shown << "…" if steps.size > SHOWN
      "#<#{self.class} #{name}: #{shown.join(", ")} (#{Gap.short(location)})>"
    end

    # The definition as the core takes it, with the places of the present configuration.
    # @api private
    def blueprint(klass) = Blueprint.of(self, klass, @blueprints)

    # The same for a class that this process may not even know.
    # @api private
    def blueprint_of(class_name) = Blueprint.build(self, class_name, {})

    private
      def indexes_before(step)
        step.follows.map { |name| index_before(step, name) }.freeze
      end

      def index_before(step, name)
        index = steps.index(@by_name[name]) or raise DefinitionError, "#{step.location}: #{step}: after: there is no " \
          "step #{name.inspect}.#{Suggestion.for(name, @by_name.keys - [ step.name ])}"
        return index unless name == step.name
        raise DefinitionError, "#{step.location}: #{step}: after: names the step itself. Name what comes before it."
      end

      # Of an either's awaits one is enough, so that none of them can come after another.
      def refuse_rivals_in_line
        steps.each_with_index do |step, index|
          rival = dependencies[index].map { |before| steps[before] }.find { |before| step.either && before.either == step.either }
          next unless rival
          raise DefinitionError, "#{step.location}: #{step}: after: names #{rival.name.inspect} of the same either, of which the " \
            "first accepted skips the others. Write one of the two below the block."
        end
      end

      # Settles steps in the order written, again and again, until none is left or none can be settled.
      def refuse_circles
        open, settled = steps.each_index.to_a, {}
        nil while open.reject! { |index| settled[index] = true if dependencies[index].all? { |before| settled[before] } }
        return if open.empty?
        circle = circle_in(open)
        step = circle.find { |candidate| candidate.options[:after] }
        raise DefinitionError, "#{step.location}: #{step}: after: makes a circle: " \
          "#{[ *circle, circle.first ].map { |each| each.name.inspect }.join(" after ")}. Change one of them."
      end

      # Walks from step to step before it, until it comes by one again.
      def circle_in(open)
        path = []
        following = open.first
        until path.include?(following)
          path << following
          following = (dependencies[following] & open).first
        end
        path.drop(path.index(following)).map { |index| steps[index] }
      end

      # An application boots without its database, or before that is migrated, and may be there to migrate it.
      def asking(booting)
        yield
      rescue StandardError => error
        raise unless booting && defined?(::ActiveRecord::ActiveRecordError) && error.is_a?(::ActiveRecord::ActiveRecordError)
      end

      def verify_method(klass, location, step, name)
        method = OwnMethods.find(klass, name) or raise DefinitionError, "#{location}: #{step} #{OwnMethods.absence(klass, name)}"
        return if method_run? || method.parameters.none? { |type, _| %i[req keyreq].include?(type) }
        raise DefinitionError, "#{location}: #{step} calls #{klass}##{name} without arguments, but it requires some."
      end

      def verify_input(klass, await)
        method = OwnMethods.find_for_input(klass, await.name) or return
        misfit = await.fields.misfit(method.parameters)
        return unless misfit
        raise DefinitionError, "#{await.location}: #{await} calls #{klass}##{await.name} with its fields as keywords, and the method #{misfit}"
      end
  end
end
