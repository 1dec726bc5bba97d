# frozen_string_literal: true

require "rails/generators"
require "rails/generators/active_record" if defined?(ActiveRecord)
require_relative "../careful"

module Workflow
  module Generators
    # bin/rails generate workflow:install: the configuration, bin/workflow, a line in Procfile.dev and one for tests, and the table that ties
    # the application's database to the log. With several databases, once for each that has subjects: --database animals.
    class InstallGenerator < ::Rails::Generators::Base
      include ::ActiveRecord::Generators::Migration if defined?(::ActiveRecord)
      include Careful

      LOG = "storage/development_workflow.sqlite3"
      IGNORED = "/storage/*_workflow.sqlite3*"
      PROCESS = "workflow: bin/workflow work"
      PLUGIN = "\n# Runs steps in this process. WORKFLOW_IN_PUMA=0 leaves them to others (bin/workflow work).\nplugin :workflow"
      TESTS = { "test/test_helper.rb" => "\n# Each test has a log of its own.\nActiveSupport::TestCase.include Workflow::TestHelper",
        "spec/rails_helper.rb" => "\n# Each example has a log of its own.\nrequire \"workflow/rspec\"" }.freeze
      MIGRATION = "create_workflow_receipts"

      source_root File.expand_path("templates", __dir__)
      desc "Adds config/workflow.yml, an initializer, bin/workflow, a line in Procfile.dev, one in test_helper.rb or rails_helper.rb, and the table workflow_receipts. Run again, it adds what is missing."
      class_option :database, type: :string, aliases: %w[--db], desc: "The database that the table is for. By default, the first one"
      class_option :puma, type: :boolean, default: false, desc: "Run steps in Puma: plugin :workflow in config/puma.rb"
      { config: "config/workflow.yml", initializer: "config/initializers/workflow.rb", binstub: "bin/workflow", procfile: "the line in Procfile.dev",
        gitignore: "the line in .gitignore", tests: "the line in test/test_helper.rb or spec/rails_helper.rb", receipts: "the migration" }.each do |name, what|
        class_option :"skip_#{name}", type: :boolean, default: false, desc: "Leave out #{what}"
      end

      def check_database = refuse_database

      def create_config
        once "workflow.yml.erb", "config/workflow.yml" unless options[:skip_config]
      end

      def create_initializer
        once "initializer.rb.erb", "config/initializers/workflow.rb" unless options[:skip_initializer]
      end

      def create_binstub
        once "binstub.erb", "bin/workflow", mode: 0o755 unless options[:skip_binstub]
      end

      def add_process
        return if options[:skip_procfile]
        return say_no_procfile unless there?("Procfile.dev")
        return take_out("Procfile.dev", "#{PROCESS}\n") if behavior == :revoke
        return say_process if process?
        return say_status(:skip, "Procfile.dev: steps run in Puma, which needs no worker beside it", :blue) if puma?
        append_line "Procfile.dev", PROCESS
      end

      def add_plugin
        return unless options[:puma]
        return say_status(:skip, "config/puma.rb is not there", :yellow) unless there?("config/puma.rb")
        return take_out("config/puma.rb", "#{PLUGIN}\n") if behavior == :revoke
        return say_status(:identical, "config/puma.rb", :blue) if plugin?
        append_line "config/puma.rb", PLUGIN
      end

      def give_tests_a_log
        TESTS.each { |path, line| add_to_tests(path, line) if there?(path) } unless options[:skip_tests]
      end

      # The log is a file of its own in storage/, which is not to be in the repository.
      def keep_log_out_of_git
        return if options[:skip_gitignore] || behavior == :revoke
        create_storage unless there?("storage")
        return unless there?(".gitignore") || there?(".git")
        return say_status(:identical, ".gitignore", :blue) if ignored?
        create_file(".gitignore", "", verbose: false) unless there?(".gitignore")
        append_line ".gitignore", "\n# The log of the gem workflow.\n#{IGNORED}"
      end

      def create_migration_file
        return if options[:skip_receipts]
        return say_status(:skip, "no Active Record, no table #{MIGRATION.delete_prefix("create_")}", :yellow) unless defined?(::ActiveRecord)
        return if behavior == :invoke && (migration_there?(MIGRATION) || table_there?)
        changed
        migration_template "#{MIGRATION}.rb.erb", File.join(db_migrate_path, "#{MIGRATION}.rb")
      end

      def tell_what_is_next
        return if behavior == :revoke
        say changed? ? render("next.txt.erb") : "workflow is installed already: nothing was changed."
      end

      private
        def read(path) = File.read(File.expand_path(path, destination_root))

        def add_to_tests(path, line)
          return take_out(path, "#{line}\n") if behavior == :revoke
          return say_status(:identical, path, :blue) if read(path).match?(%r{^[^#\n]*(Workflow::TestHelper|["']workflow/rspec["'])})
          append_line path, line
        end

        # @return [Boolean] whether Puma runs steps, or is to
        def puma? = there?("config/puma.rb") && (options[:puma] || plugin?)
        def plugin? = read("config/puma.rb").match?(/^\s*plugin[ (]+[:"']workflow\b/)
        def process? = there?("Procfile.dev") && read("Procfile.dev").match?(/^workflow:|^[^#\n]*(workflow work|workflow:work)/)

        # What starts all of Procfile.dev.
        def development = there?("bin/dev") ? "bin/dev" : "foreman start -f Procfile.dev"

        def say_process
          return say_status(:identical, "Procfile.dev", :blue) unless puma?
          say_status(:kept, "Procfile.dev: its worker runs beside the steps in Puma. Take one of the two out", :yellow)
        end

        def say_no_procfile
          return if behavior == :revoke
          instead = puma? ? "steps run in Puma" : "bin/workflow work is a process of its own"
          say_status(:skip, "no Procfile.dev: #{instead}", :blue)
        end

        def create_storage
          changed
          create_file "storage/.keep", ""
        end

        # Git knows best; without it, the lines of Rails' own .gitignore are known.
        def ignored?
          said = git_ignores
          return said unless said.nil?
          read(".gitignore").match?(%r{^/?storage(/\*?)?$|^(/?storage/)?\*(_workflow)?\.sqlite3(\*|-\*)?$})
        end

        # @return [Boolean, nil] nil: it cannot say
        def git_ignores
          return unless there?(".git")
          said = [ LOG, "#{LOG}-shared" ].map { |path| system("git", "-C", destination_root, "check-ignore", "--quiet", path, out: File::NULL, err: File::NULL) }
          said.all? unless said.include?(nil)
        end

        # One that is in the schema only is not made again either.
        def table_there?
          found = dump_with_table or return false
          say_status(:identical, "#{found}: it has the table", :blue)
          true
        end

        def dump_with_table
          %w[schema.rb structure.sql].map { |file| "db/#{"#{options[:database]}_" if options[:database]}#{file}" }
            .find { |path| there?(path) && read(path).include?("workflow_receipts") }
        end
    end
  end
end
