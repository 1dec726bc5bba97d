# frozen_string_literal: true

module Workflow
  # What `object.later` returns: the object's own public methods, each of which queues a run of that method and
  # returns the decorator. For callers that should know nothing of queues. One class for each decorated class.
  class Decorator
    IVAR = :@workflow_decorator

    class << self
      # @return [Decorator]
      # @api private
      def for(object, caller, options)
        klass = object.class
        decorator = klass.instance_variable_get(IVAR) if klass.instance_variable_defined?(IVAR)
        names = own_methods(klass)
        decorator = klass.instance_variable_set(IVAR, build(klass.to_s, names)) unless decorator && decorator.names == names
        decorator.new(caller, options)
      end

      # @return [Array<Symbol>] the methods that are queued
      attr_accessor :names
      # @return [String] the name of the decorated class
      attr_accessor :of

      private
        def own_methods(klass)
          top = Subject.record?(klass) ? ::ActiveRecord::Base : Object
          attributes = Inclusion.attributes_of(klass)&.public_instance_methods
          klass.public_instance_methods - top.public_instance_methods - Words.public_instance_methods - attributes.to_a
        end

        def build(of, names)
          Class.new(self) do
            self.names, self.of = names, of
            names.each do |name|
              define_method(name) do |*arguments, **keywords|
                @caller.later(name, *arguments, with: keywords, **@options)
                self
              end
            end
          end
        end
    end

    def initialize(caller, options)
      @caller, @options = caller, options
    end

    # Without the object, and what it contains.
    def inspect = "#<#{Decorator} of #{self.class.of}, which queues #{self.class.names.empty? ? "nothing" : self.class.names.sort.join(", ")}>"
  end
end
