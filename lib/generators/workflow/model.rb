# frozen_string_literal: true

require "rails/generators/generated_attribute"

module Workflow
  module Generators
    # The class that a workflow is to be written into, as it is when the generator runs: loaded if it can be, else unknown.
    class Model
      # @param name [String] "Admin::Signup"
      # @param text [String, nil] of its file; nil: there is none
      # @param attributes [Array<String>] that it is to get: "email", from email:string
      # @param migrations [Array<String>] what is written in those of its table, which may be yet to run
      def initialize(name, text:, attributes:, migrations:)
        @name, @text, @attributes, @migrations = name, text, attributes, migrations
      end

      # @return [Boolean] whether records answer to that though it is not written in the class
      def inherited?(method)
        return true if (@attributes + columns).include?(method.delete_suffix("?"))
        found = klass || (defined?(::ActiveRecord::Base) ? ::ActiveRecord::Base : Object)
        found.method_defined?(method) || found.private_method_defined?(method)
      end

      # @param name [String] of a workflow
      # @return [String, nil] where the class, or the one above, has it from
      def workflow_from(name)
        Declarations.of(klass).workflow(name)&.location if klass.respond_to?(:workflow)
      end

      # @return [Boolean] whether its objects are rows of a table; of a class that does not load: whether they may be
      def record? = klass ? Subject.record?(klass) : !!defined?(::ActiveRecord::Base)

      # @param types [Array<Symbol>] :req, :keyreq, …
      # @return [Array<Symbol>] the parameters of these types that `new` of a plain class takes
      def parameters(*types)
        return [] if klass.nil? || record?
        klass.instance_method(:initialize).parameters.filter_map { |type, name| name if types.include?(type) }
      end

      # @return [Array<Symbol>] what a worker would have to know to make such an object again, and `remembers` does not say
      def forgotten = parameters(:req, :keyreq) - (klass.respond_to?(:remembers) ? Declarations.of(klass).remembered : [])

      # @return [Array<Symbol>] of these, what has no reader
      def unread = forgotten.reject { |name| inherited?(name.name) }

      # @param step [StepDefinition]
      # @return [UnboundMethod, nil] one that the step would call, and that cannot be called as steps call methods
      def misfit(step)
        step.needed_methods.filter_map { |name| method(name) }.find { |found| (types(found) & %i[req keyreq]).any? } || misfit_for_input(step)
      end

      # @return [Array<String>]
      def associations = klass.respond_to?(:reflections) ? klass.reflections.keys.map(&:to_s) : []

      # @return [Array<String>] of the model's table; none if that cannot be asked
      def columns
        @columns ||= begin
          klass.respond_to?(:column_names) && klass.table_exists? ? klass.column_names : []
        rescue StandardError, LoadError
          []
        end
      end

      # @param attribute [String] as `rails generate model` takes it
      # @return [Boolean] whether the table has no column for it; without the table, whether no migration names one. Of what has
      #   no column, attachments and rich text: whether the class does not say so
      def lacks?(attribute)
        wanted = ::Rails::Generators::GeneratedAttribute.parse(attribute)
        return !@text.match?(/^[^#\n]*\bhas_(one_attached|many_attached|rich_text)[ (]+[:"']#{wanted.name}\b/) if wanted.virtual?
        column = wanted.password_digest? ? "password_digest" : wanted.column_name
        return !columns.include?(column) if columns.any?
        @migrations.none? { |text| text.match?(/^[^#\n]*[:"'](#{column}|#{wanted.name})\b/) }
      end

      private
        def method(name) = (klass.instance_method(name) if klass && (klass.method_defined?(name) || klass.private_method_defined?(name)))

        def types(method) = method.parameters.map(&:first)

        # One parameter alone is given the input as a hash.
        def misfit_for_input(step)
          found = method(step.name) if step.await?
          return unless found
          return (found if step.fields.misfit(found.parameters)) if step.fields
          types = types(found)
          found if types.count(:req) > 1 || types.include?(:req) && (types & %i[key keyreq keyrest]).any?
        end

        # @return [Class, nil] nil: there is none, or it does not load
        def klass
          return @klass if defined?(@klass)
          @klass = @text ? @name.safe_constantize : nil
        rescue StandardError, LoadError, SyntaxError
          @klass = nil
        end
    end
  end
end
