# frozen_string_literal: true

require_relative "dsl"

module Workflow
  # What one class declares: its workflows, the options of single methods, and what its objects remember. A subclass
  # has its parent's and adds its own; one of the same name replaces the parent's.
  class Declarations
    WANTED_NAME = "a name as methods have, of at most #{Options::NAME_LEN_MAX} bytes, as a symbol".freeze

    @names = {}

    class << self
      # @return [Declarations] those of a class that includes Workflow
      def of(klass)
        klass.instance_variable_get(:@workflow_declarations) ||
          klass.instance_variable_set(:@workflow_declarations, new(klass))
      end

      # Remembers that a class includes Workflow, for checks of all of them: by name, so that one that is loaded again
      # takes its place, and is not held on to.
      def register(klass)
        @names[klass.name] = true if klass.name
      end

      # The classes to check after loading: those that are still in use, and of these the ends of the lines.
      # @return [Array<Class>]
      def classes
        @names.keys.filter_map { |name| class_of(name) }.flat_map { |klass| leaves(klass) }.uniq
          .select { |klass| klass.name && class_of(klass.name).equal?(klass) }
      end

      # @param name [String] as the log has it
      # @return [Class, nil] nil: this process does not know it
      def class_of(name)
        klass = Object.const_get(name) if name
        klass if klass.is_a?(Declaring)
      rescue NameError
        nil
      end

      # @return [Boolean] whether classes below declare something of their own, so that the class alone does not say what holds
      def several?(klass)
        klass.subclasses.any? { |child| of(child).declares? || several?(child) }
      end

      private
        def leaves(klass) = klass.subclasses.empty? ? [ klass ] : klass.subclasses.flat_map { |child| leaves(child) }
    end

    def initialize(klass)
      @klass = klass
      @workflows, @methods, @remembered, @of_methods = {}, {}, [], {}
    end

    # Adds a workflow. The same declaration read again (a file loaded twice) replaces itself.
    def declare(definition)
      twin = @workflows[definition.name]
      if twin && twin.location != definition.location
        raise DefinitionError, "#{definition.location}: #{@klass} has a workflow #{definition.name.inspect} already, " \
          "at #{twin.location}. Give one of the two a name: workflow :fulfilment do … end."
      end
      refuse_of_records(definition) unless Subject.record?(@klass)
      @methods.each { |name, method| refuse_step(name, method.location, definition.step(name), definition) if definition.step?(name) }
      @workflows[definition.name] = definition
    end

    # Options of a single method, outside a workflow.
    def declare_step(name, options, location)
      with_step(name).each { |definition| refuse_step(name, location, definition.step(name), definition) }
      @of_methods.delete(name)
      @methods[name] = StepDefinition.new(name, :later, options, location, type: :method)
    end

    def remember(names, location)
      raise DefinitionError, "#{location}: remembers takes the names of the readers to remember: remembers :name." if names.empty?
      @remembered |= names.map { |name| Options.checked_name("remembers", name, location) }
      forget_memory
    end

    # @return [Array<Symbol>] the readers whose values rebuild an object
    def remembered = (parent ? parent.remembered : []) | @remembered

    # @return [Memory] how that is done
    def memory
      memory = @memory # another thread may forget it
      memory&.current? ? memory : @memory = Memory.new(@klass)
    end

    # @return [Hash{Symbol=>Definition}]
    def workflows = (parent ? parent.workflows : {}).merge(@workflows)

    # @return [Boolean] whether the class declares a workflow itself, beside what it inherits
    def declares? = @workflows.any?

    # @return [StepDefinition, nil] what `step :call, …` says
    def method_options(name) = @methods[name.to_sym] || parent&.method_options(name)

    # The workflow meant by a name, or by none: the one called :workflow, or the only one.
    # @return [Definition, nil]
    def workflow(name = nil)
      return @workflows[name.to_sym] || parent&.workflow(name) if name
      all = workflows
      all[:workflow] || (all.values.first if all.size == 1)
    end

    # @return [Definition]
    # @raise [DefinitionError] if there is none of that name
    def workflow!(name = nil)
      workflow(name) or raise DefinitionError, none(name)
    end

    # @return [Definition] of a method that is no step, with the options of one call
    def of_method(name, options = {})
      return Definition.of_method(name, declared: method_options(name), options: options) if options.any?
      @of_methods[name] ||= Definition.of_method(name, declared: method_options(name))
    end

    # @return [Array<Definition>] the workflows that have a step of that name
    def with_step(name) = workflows.values.select { |definition| definition.step?(name) }

    # Checks that all methods exist.
    # @param booting [Boolean] as {Definition#verify} takes it
    # @raise [DefinitionError]
    def verify(booting: false)
      workflows.each_value { |definition| definition.verify(@klass, booting: booting) }
      @methods.each_key { |name| of_method(name).verify(@klass, booting: booting) }
    end

    protected
      # What is remembered has changed, for the classes below too.
      def forget_memory
        @memory = nil
        @klass.subclasses.each { |child| Declarations.of(child).forget_memory }
      end

    private
      # What is a step of a workflow has its options there.
      def refuse_step(name, location, step, definition)
        raise DefinitionError, "#{location}: step #{name.inspect} gives options to a single method, and #{name} is a step of #{@klass}'s workflow " \
          "#{definition.name.inspect}, at #{step.location}. Write them there."
      end

      def refuse_of_records(definition)
        option = definition.options.key?(:on_destroy) ? :on_destroy : (:mirror if definition.mirror?)
        return unless option
        raise DefinitionError, "#{definition.location}: workflow #{definition.name.inspect}: #{option}: is about records, and #{@klass} is no class of " \
          "records (ActiveRecord). Leave it out."
      end

      def parent
        superclass = @klass.superclass
        Declarations.of(superclass) if superclass.is_a?(Declaring)
      end

      def none(name)
        names = workflows.keys
        return "#{@klass} declares no workflow: write workflow do … end in the class." if names.empty?
        return "#{@klass} has several workflows: say which of #{names.map(&:inspect).join(", ")}." unless name
        "#{@klass} has no workflow #{name.inspect}.#{Suggestion.for(name, names)} It has #{names.map(&:inspect).join(", ")}."
      end
  end
end
