# frozen_string_literal: true

require "rails/generators"
require "rails/generators/active_record"
require_relative "../careful"

module Workflow
  module Generators
    # bin/rails generate workflow:mirror signup: the columns that `workflow mirror: true` of Signup keeps true. Of a workflow with
    # a name: --workflow fulfilment. With several databases: --database animals. A migration that is there stays as it is;
    # --force has it replaced.
    class MirrorGenerator < ::Rails::Generators::NamedBase
      include ::ActiveRecord::Generators::Migration
      include Careful

      TEMPLATE = "add_workflow_mirror.rb.erb"

      desc "Makes the migration of the columns that `workflow mirror: true` keeps true. One that is there stays as it is."
      source_root File.expand_path("templates", __dir__)
      class_option :workflow, type: :string, default: "workflow", desc: "The name of the workflow, where it has one"
      class_option :database, type: :string, aliases: %w[--db], desc: "The database that the table is in. By default, the first one"

      def create_migration_file
        return if behavior == :invoke && !options[:force] && migration_there?(migration_name, TEMPLATE)
        migration_template TEMPLATE, File.join(db_migrate_path, "#{migration_name}.rb")
      end

      private
        def prefix = options[:workflow].underscore
        def migration_name = "add_#{prefix}_mirror_to_#{mirrored_table.tr(".", "_")}"
        # As the class has it, which may be called otherwise.
        def mirrored_table = class_name.safe_constantize&.then { |klass| klass.table_name if klass.respond_to?(:table_name) } || table_name
    end
  end
end
