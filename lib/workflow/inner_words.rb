# frozen_string_literal: true

module Workflow
  # The private words that `include Workflow` adds to an object, for use inside its steps. They sit behind the
  # attributes of a record, and are left out where the class has a method of that name: a private one in front would
  # hide it.
  module InnerWords
    # @param base [Class]
    # @return [void]
    def self.add_to(base)
      attributes = attributes_of(base)
      words = private_instance_methods.reject { |word| base.method_defined?(word) || base.private_method_defined?(word) }
      (attributes || base).include(copy(words, attributes ? attributes.class : Module))
    end

    # A module of the kind that a record's class keeps its attributes in: a word in it does not keep an attribute of
    # that name from being made, not even in subclasses.
    def self.copy(words, kind)
      words.each_with_object(kind.new) do |word, copy|
        copy.define_method(word, instance_method(word))
        copy.__send__(:private, word)
      end
    end
    private_class_method :copy

    # @return [Module, nil] where a record's class keeps the methods of its attributes
    def self.attributes_of(klass)
      klass.__send__(:generated_attribute_methods) if klass.respond_to?(:generated_attribute_methods, true)
    end

    private
      # Leaves the step: an await goes on waiting and its submission returns the message; another step fails at once.
      # Leaves by throw, so that `rescue` does not catch it and `ensure` runs.
      # @param message [String] why, in words for the person who submitted
      # @raise [Error] outside a step
      # @example
      #   def activate(code:) = (reject "Not the code we sent." unless code == self.code)
      def reject(message) = Workflow::Execution.reject(message)
  end
end
