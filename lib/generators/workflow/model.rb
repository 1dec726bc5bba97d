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

      # @return [String, nil] where the class, or the one above, has its workflow from
      def workflow_from
        Declarations.of(klass).workflow(:workflow)&.location if klass.respond_to?(:workflow)
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
