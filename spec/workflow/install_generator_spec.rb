# frozen_string_literal: true

# bin/rails generate workflow:install, in a directory of its own.
RSpec.describe "rails generate workflow:install" do
  # In a process of its own: the others are to do without Rails.
  def generate(*arguments)
    reader, writer = IO.pipe
    child = fork do
      [ $stdout, $stderr ].each { |stream| stream.reopen(writer) }
      require "rails"
      require "rails/generators"
      require_relative "../../lib/generators/workflow/install/install_generator"
      yield if block_given?
      Workflow::Generators::InstallGenerator.start(arguments, destination_root: @directory)
      $stdout.flush
    rescue Exception => error
      warn error.full_message
    ensure
      exit!(true)
    end
    writer.close
    reader.read.tap { Process.wait(child) }
  end

  def migrations(directory = "db/migrate") = Dir.glob("*.rb", base: File.join(@directory, directory))

  # As `rails db:migrate` and `db:rollback` do it.
  def migration
    context = ActiveRecord::MigrationContext.new(File.join(@directory, "db/migrate"))
    ActiveRecord::Migration.suppress_messages { yield context }
    Workflow::Receipts.forget
  end

  ApplicationDatabase.each do |kind|
    context "on #{kind}", application_database: kind do
      it "makes a migration, which makes the table that the gem works with, and takes it back" do
        expect(generate).to match(%r{create\s+db/migrate/\d{14}_create_workflow_receipts\.rb})
        migration(&:up)

        expect(Workflow::Receipts.of(ActiveRecord::Base)).to be_there
        Workflow::Receipts.of(ActiveRecord::Base).once([ "a" ], "run") { "x" * 70_000 }
        expect(Workflow::Receipts.of(ActiveRecord::Base).find("a").payload.size).to eq 70_000
        migration(&:down)

        expect(Workflow::Receipts.of(ActiveRecord::Base)).to be_nil
      end

      it "makes no second one when it is run again" do
        generate
        expect(generate).to match(%r{identical\s+db/migrate/\d{14}_create_workflow_receipts\.rb})

        expect(migrations.size).to eq 1
      end

      it "does not overwrite one that was edited, and says so" do
        generate
        path = File.join(@directory, "db/migrate", migrations.first)
        File.write(path, "# ours\n", mode: "a")
        expect(generate).to match(/Another migration is already named create_workflow_receipts/)

        expect(File.read(path)).to end_with "# ours\n"
        expect(migrations.size).to eq 1
      end
    end
  end

  it "puts it where the migrations of another database are" do
    generate("--database", "animals") do
      Rails.application = Class.new(Rails::Application) { config.eager_load = false }.instance # is asked for the first database's
      ActiveRecord::Base.configurations = { Rails.env => {
        primary: { adapter: "sqlite3", database: "a.sqlite3" },
        animals: { adapter: "sqlite3", database: "b.sqlite3", migrations_paths: "db/animals_migrate" }
      } }
    end

    expect(migrations("db/animals_migrate")).to match [ /\A\d{14}_create_workflow_receipts\.rb\z/ ]
    expect(migrations).to be_empty
  end
end
