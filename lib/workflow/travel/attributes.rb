# frozen_string_literal: true

module Workflow
  module Travel
    # Those of one class of CurrentAttributes that `config.travels` names. The class is looked up each time, since it may
    # be another one after a reload.
    class Attributes
      # @return [Array<Attributes>] of all classes named
      # @yieldparam attributes [Attributes]
      def self.each(&block) = Workflow.configuration.travels.map { |name, names| new(name, names) }.each(&block)

      # @return [String] of the class
      attr_reader :class_name

      def initialize(class_name, names)
        @class_name, @names = class_name, names
      end

      # @return [void]
      # @raise [DefinitionError] of a class or an attribute that there is not
      def verify
        raise DefinitionError, "travels names #{class_name}, which is no class of ActiveSupport::CurrentAttributes. Make it one, or leave it out." unless current?
        missing = @names.reject { |name| klass.method_defined?(:"#{name}=") }
        return if missing.empty?
        raise DefinitionError, "travels names #{class_name}.#{missing.first}, and #{class_name} has no such attribute.#{Suggestion.for(missing.first, known)} " \
          "Declare it there, attribute #{missing.first.inspect}, or leave it out."
      end

      # @return [Hash{String=>Object}, nil] what is set of them, of what JSON knows; nil: nothing
      # @raise [NotSerializable, DefinitionError]
      def written
        verify
        set = instance.attributes.slice(*@names)
        fresh = set.empty? ? set : defaults
        set = set.reject { |name, value| value == fresh[name] }
        set.to_h { |name, value| [ name.to_s, write(name, value) ] } if set.any?
      end

      # @return [Hash{Symbol=>Object}] what is there, for {#put_back}
      def kept = instance.attributes.dup

      # Sets each to what travelled, or to what it is in the beginning.
      # @param given [Hash{String=>Object}] what {#written} returned
      # @yieldparam error [StandardError] of one that cannot be set
      # @return [void]
      def set(given)
        fresh = defaults
        @names.each do |name|
          next if given.key?(name.to_s) && same?(name, given[name.to_s])
          assign(name, given.key?(name.to_s) ? Serializer.read(given[name.to_s]) : fresh[name])
        rescue StandardError => error
          yield name, error
          instance.attributes = instance.attributes.except(name).merge(fresh.slice(name))
        end
      end

      # By the writers too, which may do more than to keep a value; and then what these have done to others.
      # @param kept [Hash]
      # @return [void]
      def put_back(kept)
        @names.each { |name| assign(name, kept[name]) }
      ensure
        instance.attributes = kept
      end

      # @return [Boolean] whether there is such a class now
      def current? = defined?(::ActiveSupport::CurrentAttributes) && klass.is_a?(Class) && klass < ::ActiveSupport::CurrentAttributes

      private
        def klass
          Object.const_get(class_name)
        rescue NameError => error
          raise DefinitionError, "travels names #{class_name}, which this process does not know (#{error.message.lines.first.chomp}). Define it, or leave it out."
        end

        def instance = klass.instance
        def defaults = klass.new.attributes
        def known = klass.defaults.keys

        def write(name, value) = Secrets.seal_named(name, value) || Serializer.write_sealed(value, "#{class_name}.#{name}, which a run takes along,")

        # Whoever has just started the run has the very objects, which need not be found again. What is encrypted is another text each time.
        def same?(name, given)
          write(name, instance.attributes[name]) == given
        rescue NotSerializable
          false
        end

        # What is set already is left alone: a writer may do more.
        def assign(name, value)
          instance.public_send(:"#{name}=", value) unless instance.attributes[name].equal?(value)
        end
    end
  end
end
