# frozen_string_literal: true

module Workflow
  # What `include Workflow` does to a class. The module itself, with its constants, stays out of the ancestors, so that
  # an Event or a Step of the application is never mistaken for ours; only the words go in, in such a way that each
  # steps aside for whatever else has its name.
  module Inclusion
    # Marks the modules that hold copies of the words.
    COPY = :@workflow_words

    class << self
      # @param base [Class]
      # @raise [DefinitionError] of a module
      def into(base)
        raise DefinitionError, "include Workflow in a class; in a concern, within its included block." unless base.is_a?(Class)
        Declarations.register(base)
        return if base.is_a?(Declaring)
        base.extend(Declaring)
        include_preloading(base) if Subject.record?(base)
        attributes = attributes_of(base)
        base.include(attributes ? copy(Words, attributes.class, :public) : Words)
        (attributes || base).include(copy(InnerWords, attributes ? attributes.class : Module, :private, free(base)))
      end

      # @return [Boolean] whether methods of that module are what `include Workflow` adds
      def ours?(mod) = [ Words, LoadedRuns::Forgetting ].any? { |words| words.equal?(mod) } || mod.instance_variable_defined?(COPY)

      # @return [Module, nil] where a record's class keeps the methods of its attributes
      def attributes_of(klass)
        klass.__send__(:generated_attribute_methods) if klass.respond_to?(:generated_attribute_methods, true)
      end

      private
        def include_preloading(base)
          base.extend(Preloading::Word)
          base.include(LoadedRuns::Forgetting)
        end

        # A private word in front of a method would hide it, so only those that are free are added.
        def free(base)
          InnerWords.private_instance_methods.reject { |word| base.method_defined?(word) || base.private_method_defined?(word) }
        end

        # The words in a module of the kind that a record's class keeps its attributes in: ActiveRecord makes no
        # attribute of a name that a parent has a method of, but for methods in such a module.
        def copy(words, kind, visibility, names = words.instance_methods)
          made = kind.new.tap { |mod| mod.instance_variable_set(COPY, true) }
          names.each_with_object(made) do |name, copy|
            copy.define_method(name, words.instance_method(name))
            copy.__send__(visibility, name)
          end
        end
    end
  end
end
