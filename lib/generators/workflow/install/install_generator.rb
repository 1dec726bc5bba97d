# frozen_string_literal: true

require "rails/generators"
require "rails/generators/active_record"

module Workflow
  module Generators
    # bin/rails generate workflow:install: the table that ties the application's database to the log. With several
    # databases, once for each that has subjects: --database animals.
    class InstallGenerator < ::Rails::Generators::Base
      include ::ActiveRecord::Generators::Migration

      source_root File.expand_path("templates", __dir__)
      class_option :database, type: :string, aliases: %w[--db], desc: "The database that the table is for. By default, the first one"

      def create_migration_file
        migration_template "create_workflow_receipts.rb.erb", File.join(db_migrate_path, "create_workflow_receipts.rb")
      end
    end
  end
end
