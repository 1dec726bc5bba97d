# frozen_string_literal: true

module Workflow
  # Which method a step, a reminder or a condition means: one that its class, a parent of that or a module in it defines.
  # What every object has (Kernel's `print`, `select`, `open`) and the words of `include Workflow` are nobody's step; a word
  # that stands in front of a method of the class steps aside for it.
  module OwnMethods
    METHOD = ::Kernel.instance_method(:method)
    # Where the classes of records and models keep the methods of their attributes and associations.
    GENERATED = %i[@generated_attribute_methods @generated_association_methods].freeze

    class << self
      # @param klass [Class] that includes Workflow
      # @return [UnboundMethod, nil]
      def find(klass, name) = own(defined_in(klass, name)) || (own(defined_in(klass, name)) if make_attributes(klass))

      # The method of an await, which takes its input and which it may do without: a column or an association of the
      # await's name is none.
      # @return [UnboundMethod, nil]
      def find_for_input(klass, name) = for_input(own(defined_in(klass, name)), klass)

      # @param object [Object] whose class, or itself, may have the method, be it by `respond_to_missing?`
      # @return [Boolean] whether it has one for the input of an await
      def for_input?(object, name) = !for_input(own(answered_by(object, name)), object.class).nil?

      # @return [String] for errors: "needs a method reserv in Order, which has none. Did you mean reserve?"
      def absence(klass, name)
        found = defined_in(klass, name)
        none = found ? "none of its own: #{name} is #{whose(found.owner)}'s." : "none."
        "needs a method #{name} in #{klass}, which has #{none}" \
          "#{Suggestion.for(name, klass.instance_methods(false) + klass.private_instance_methods(false))}"
      end

      private
        def defined_in(klass, name)
          klass.instance_method(name)
        rescue NameError
          nil
        end

        def answered_by(object, name)
          METHOD.bind_call(object, name)
        rescue NameError
          nil
        end

        def own(method)
          method = method.super_method while method && Inclusion.ours?(method.owner)
          method unless method.nil? || Object <= method.owner
        end

        def for_input(method, klass) = method && !generated?(klass, method.owner) ? method : nil

        def generated?(klass, owner)
          klass.ancestors.any? do |ancestor|
            ancestor.is_a?(Class) && GENERATED.any? { |name| owner.equal?(ancestor.instance_variable_get(name)) }
          end
        end

        # A record's attributes get their methods when the first of them is needed.
        def make_attributes(klass)
          return false unless klass.respond_to?(:define_attribute_methods)
          klass.define_attribute_methods
          true
        end

        def whose(owner) = Inclusion.ours?(owner) ? "Workflow" : owner.name
    end
  end
end
