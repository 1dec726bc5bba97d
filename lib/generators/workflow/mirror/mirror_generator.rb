# frozen_string_literal: true

require "rails/generators"
require "rails/generators/active_record"
require_relative "../careful"

module Workflow
  module Generators
    # bin/rails generate workflow:mirror signup: the columns that `workflow mirror: true` of Signup keeps true. Of a workflow with
    # a name: --workflow fulfilment. It is made for the database of the class, unless --database says another. A migration that is
    # there stays as it is; --force has it replaced.
    class MirrorGenerator < ::Rails::Generators::NamedBase
      include ::ActiveRecord::Generators::Migration
      include Careful

      TEMPLATE = "add_workflow_mirror.rb.erb"

      desc "Makes the migration of the columns that `workflow mirror: true` keeps true. One that is there stays as it is."
      source_root File.expand_path("templates", __dir__)
      class_option :workflow, type: :string, default: "workflow", desc: "The name of the workflow, where it has one"
      class_option :database, type: :string, aliases: %w[--db], desc: "The database that the table is in. By default, the one of the class"

      def check_everything
        refuse_database
        return if behavior == :revoke
        refuse("there is no class #{class_name}. Make it first: rails generate workflow #{name} charge:later") unless klass
        refuse("#{class_name} is no record, so that it has no columns to mirror a workflow in.") unless Subject.record?(klass)
        refuse_workflow
      end

      def create_migration_file
        return if behavior == :invoke && !options[:force] && migration_there?(migration_name, TEMPLATE)
        migration_template TEMPLATE, File.join(db_migrate_path, "#{migration_name}.rb")
        say render("next.txt.erb") if behavior == :invoke
      end

      private
        # @return [Class, nil] nil: there is none
        def klass
          return @klass if defined?(@klass)
          @klass = class_name.safe_constantize.then { |found| found if found.is_a?(Class) }
        rescue StandardError, LoadError, SyntaxError => error
          @klass = nil
          refuse("#{class_name} does not load: #{error.message.lines.first.to_s.strip} (#{error.class}). Fix it first.") unless behavior == :revoke
        end

        # Of one that has no workflow yet, the name is all that there is to be checked.
        def refuse_workflow
          return refuse("--workflow #{workflow.inspect} is no name of a workflow. Write it as a method's: fulfilment.") unless workflow.match?(/\A[a-z_][a-z0-9_]*\z/)
          names = klass.respond_to?(:workflow) ? Declarations.of(klass).workflows.keys : []
          return if names.empty? || names.include?(workflow.to_sym)
          refuse("#{class_name} has no workflow #{named? ? workflow : "without a name"}.#{Suggestion.for(workflow, names) if named?} It has #{names.join(", ")}: --workflow #{names.first}")
        end

        # That of the class's own database.
        def db_migrate_path
          return super if options[:database] || klass.nil? || !Subject.record?(klass)
          Array(klass.connection_db_config.migrations_paths).first || super
        end

        def workflow = options[:workflow]
        def named? = workflow != "workflow"
        def prefix = workflow
        def migration_name = "add_#{prefix}_mirror_to_#{mirrored_table.tr(".", "_")}"
        # As the class has it, which may be called otherwise.
        def mirrored_table = (klass.table_name if klass.respond_to?(:table_name)) || table_name
    end
  end
end
