# frozen_string_literal: true

# bin/rails generate workflow:install, in a directory of its own.
RSpec.describe "rails generate workflow:install" do
  # In a process of its own: the others are to do without Rails.
  def generate(*arguments, behavior: :invoke)
    reader, writer = IO.pipe
    child = fork do
      [ $stdout, $stderr ].each { |stream| stream.reopen(writer) }
      require "rails"
      require "active_record"
      require "rails/generators"
      require_relative "../../lib/generators/workflow/install/install_generator"
      yield if block_given?
      Workflow::Generators::InstallGenerator.start(arguments, destination_root: @directory, behavior: behavior)
      $stdout.flush
    rescue Exception => error
      warn error.full_message
    ensure
      exit!(true)
    end
    writer.close
    reader.read.tap { Process.wait(child) }
  end

  # In a process that has never loaded Active Record, whatever this one has.
  def generate_alone
    program = <<~RUBY
      require "rails"
      require "rails/generators"
      require "./lib/generators/workflow/install/install_generator"
      Workflow::Generators::InstallGenerator.start([], destination_root: ARGV.first)
    RUBY
    IO.popen([ RbConfig.ruby, "-Ilib", "-rworkflow", "-e", program, @directory ], err: %i[child out], &:read)
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
        expect(generate).to match(%r{kept\s+db/migrate/\d{14}_create_workflow_receipts\.rb})

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

  it "refuses a database that there is not, and names those that there are" do
    said = generate("--database", "animls") do
      ActiveRecord::Base.configurations = { Rails.env => { primary: { adapter: "sqlite3", database: "a.sqlite3" }, animals: { adapter: "sqlite3", database: "b.sqlite3" } } }
    end

    expect(said).to match(/\Aworkflow: there is no database animls\. Did you mean animals\? config\/database\.yml has, for \w+: primary, animals\.\nNothing was written\.\n\z/)
    expect(files).to be_empty
  end

  it "makes none for a table that the schema has without it" do
    FileUtils.mkdir("#{@directory}/db")
    File.write("#{@directory}/db/schema.rb", 'create_table "workflow_receipts"')

    expect(generate).to match(%r{identical\s+db/schema.rb: it has the table})
    expect(migrations).to be_empty
  end

  it "makes none for an application without Active Record, and says so" do
    expect(generate_alone).to match(/skip\s+no Active Record, no table workflow_receipts/)
    expect(files.keys).to include("bin/workflow")
    expect(migrations).to be_empty
  end

  # Every file there is, with what is in it.
  def files
    Dir.glob("**/*", File::FNM_DOTMATCH, base: @directory).reject { |path| File.directory?("#{@directory}/#{path}") || path.start_with?(".git/", "log.sqlite3") }
      .to_h { |path| [ path.sub(/\d{14}/, ""), File.read("#{@directory}/#{path}") ] }
  end

  it "makes all that an application needs, and says what is next" do
    File.write("#{@directory}/Procfile.dev", "web: bin/rails server") # without an end of line
    File.write("#{@directory}/.gitignore", "/tmp/*\n")

    expect(generate).to include("bin/rails db:migrate", "foreman start -f Procfile.dev     # Procfile.dev has a worker now")
    expect(files.keys).to contain_exactly("config/workflow.yml", "config/initializers/workflow.rb", "bin/workflow", "Procfile.dev", ".gitignore", "storage/.keep",
      "db/migrate/_create_workflow_receipts.rb")
    expect(files["Procfile.dev"]).to eq "web: bin/rails server\nworkflow: bin/workflow work\n"
    expect(files[".gitignore"]).to eq "/tmp/*\n\n# The log of the gem workflow.\n/storage/*_workflow.sqlite3*\n"
    expect(File.stat("#{@directory}/bin/workflow")).to be_executable
  end

  it "names bin/dev where it is there" do
    %w[bin/dev Procfile.dev].each { |path| FileUtils.mkdir_p(File.dirname("#{@directory}/#{path}")) && File.write("#{@directory}/#{path}", "") }

    expect(generate).to include("  bin/dev                           # Procfile.dev has a worker now").and satisfy { |said| !said.include?("foreman") }
  end

  it "gives tests a log of their own, in a line that is taken back" do
    texts = { "test/test_helper.rb" => "require \"rails/test_help\"", "spec/rails_helper.rb" => "require \"spec_helper\"\n" }
    texts.each { |path, text| FileUtils.mkdir_p(File.dirname("#{@directory}/#{path}")) && File.write("#{@directory}/#{path}", text) }

    expect(generate).to match(%r{append\s+test/test_helper\.rb.*append\s+spec/rails_helper\.rb}m)
    expect(files).to include("test/test_helper.rb" => /test_help"\n\n# Each test has a log of its own\.\nActiveSupport::TestCase\.include Workflow::TestHelper\n\z/,
      "spec/rails_helper.rb" => /spec_helper"\n\n# Each example has a log of its own\.\nrequire "workflow\/rspec"\n\z/)
    expect(generate).to include("workflow is installed already: nothing was changed.")
    generate(behavior: :revoke)
    expect(files.slice(*texts.keys)).to eq texts.transform_values { |text| "#{text.chomp}\n" }
  end

  it "changes nothing when it is run again, and says so" do
    File.write("#{@directory}/Procfile.dev", "web: bin/rails server\n")
    File.write("#{@directory}/.gitignore", "")
    generate("--puma")
    before = files

    expect(generate("--puma")).to include("workflow is installed already: nothing was changed.")
    expect(files).to eq before
  end

  it "says that there is no Procfile.dev to put a line into, unless it is told to leave it out or takes all back" do
    message = /skip\s+no Procfile\.dev: bin\/workflow work is a process of its own/
    expect(generate).to match(message).and include("bin/workflow work                 # a worker, beside bin/rails server")
    expect(generate).to match(message).and include("workflow is installed already: nothing was changed.")

    expect(generate("--puma")).to match(message)
    File.write("#{@directory}/config/puma.rb", "threads 3, 3\n")
    expect(generate("--puma")).to match(/skip\s+no Procfile\.dev: steps run in Puma/)
    expect(generate("--skip-procfile")).not_to include("Procfile.dev")
    expect(generate(behavior: :revoke)).not_to include("Procfile.dev")
    expect(files.keys).not_to include("Procfile.dev")
  end

  it "keeps what a person has changed, and adds what is missing" do
    generate
    File.write("#{@directory}/config/workflow.yml", "test: {}\n")
    File.write("#{@directory}/config/initializers/workflow.rb", "# ours\n")
    File.delete("#{@directory}/bin/workflow")

    expect(generate).to match(%r{kept\s+config/workflow\.yml.*kept\s+config/initializers/workflow\.rb.*create\s+bin/workflow}m)
    expect(files).to include("config/workflow.yml" => "test: {}\n", "config/initializers/workflow.rb" => "# ours\n", "bin/workflow" => /Workflow::Command/)
  end

  it "asks git whether the log is ignored" do
    system("git", "init", "--quiet", @directory)
    File.write("#{@directory}/.gitignore", "/storage/*\n!/storage/.keep\n")
    expect(generate).to match(/identical\s+\.gitignore/)

    File.write("#{@directory}/.gitignore", "/storage/*.sqlite3\n") # what is beside the log is not
    expect(generate).to match(/append\s+\.gitignore/)
    expect(generate).to match(/identical\s+\.gitignore/)
  end

  it "leaves out what it is told to" do
    File.write("#{@directory}/Procfile.dev", "")
    generate("--skip-config", "--skip-initializer", "--skip-binstub", "--skip-procfile", "--skip-gitignore", "--skip-tests", "--skip-receipts")

    expect(files).to eq("Procfile.dev" => "")
  end

  it "is taken back, but for what a person has changed" do
    FileUtils.mkdir("#{@directory}/config")
    before = { "Procfile.dev" => "web: bin/rails server\n", "config/puma.rb" => "threads 3, 3\n" }
    before.each { |path, text| File.write("#{@directory}/#{path}", text) }
    generate("--puma")
    File.write("#{@directory}/config/workflow.yml", "test: {}\n")
    said = generate("--puma", behavior: :revoke)

    expect(said).to include("config/workflow.yml: it was changed")
    expect(files).to eq before.merge("config/workflow.yml" => "test: {}\n", "storage/.keep" => "")
  end

  it "writes nothing with --pretend" do
    File.write("#{@directory}/Procfile.dev", "")
    generate("--pretend")

    expect(files).to eq("Procfile.dev" => "")
  end

  it "has Puma run steps if it is asked to" do
    FileUtils.mkdir("#{@directory}/config")
    File.write("#{@directory}/config/puma.rb", "threads 3, 3\n")
    generate("--puma")

    expect(files["config/puma.rb"]).to match(/\Athreads 3, 3\n\n# .*\nplugin :workflow\n\z/)
  end

  it "has either Puma or Procfile.dev run steps, not both, and says so" do
    FileUtils.mkdir("#{@directory}/config")
    File.write("#{@directory}/config/puma.rb", "threads 3, 3\n")
    File.write("#{@directory}/Procfile.dev", "web: bin/rails server\n")
    expect(generate("--puma")).to match(/skip\s+Procfile\.dev: steps run in Puma, which needs no worker beside it/).and include("bin/rails server                  # runs steps too")
    FileUtils.rm("#{@directory}/bin/workflow")
    expect(generate).to include("bin/rails server                  # runs steps too").and satisfy { |said| !said.include?("plugin :workflow") }
    expect(files["Procfile.dev"]).to eq "web: bin/rails server\n"

    File.write("#{@directory}/Procfile.dev", "workflow: bin/workflow work\n")
    expect(generate).to match(/kept\s+Procfile\.dev: its worker runs beside the steps in Puma\. Take one of the two out/)
  end

  it "sees a plugin and a process that are there in other words, and that a comment is none" do
    FileUtils.mkdir("#{@directory}/config")
    File.write("#{@directory}/config/puma.rb", %(plugin "workflow"\n))
    File.write("#{@directory}/Procfile.dev", "# worker: bin/workflow work\n")
    generate("--puma")
    expect(files["config/puma.rb"]).to eq %(plugin "workflow"\n)
    File.write("#{@directory}/config/puma.rb", %(# plugin "workflow"\n))
    generate
    expect(files["Procfile.dev"]).to eq "# worker: bin/workflow work\nworkflow: bin/workflow work\n"

    File.write("#{@directory}/Procfile.dev", "steps: env RAILS_ENV=development bin/rails workflow:work\n")
    generate
    expect(files["Procfile.dev"]).to eq "steps: env RAILS_ENV=development bin/rails workflow:work\n"
  end

  it "names every setting in the initializer, with its default" do
    generate
    text = files["config/initializers/workflow.rb"]
    settings = (Workflow::Configuration.public_instance_methods - Object.public_instance_methods).grep(/\w=\z/).map { |name| name.to_s.delete_suffix("=") }
    expect(text.scan(/# config\.(\w+) = /).flatten).to match_array settings

    application = Struct.new(:config, :secret_key_base).new(Struct.new(:filter_parameters).new([ :passw ]), "x" * 64)
    stub_const("Rails", Class.new { define_singleton_method(:env) { "test" } && define_singleton_method(:logger) { nil } && define_singleton_method(:application) { application } })
    plain = settings - %w[store file logger filter_parameters secret_key secret_keys]
    block = text.gsub(/^  # config\./, "  config.")[/^Workflow\.configure do \|config\|\n(.*)^end/m, 1]
    config = Workflow::Configuration.new
    config.adopt(root: @directory, environment: "test", wrapper: nil)
    binding.eval(block)
    expect(plain.map { |name| config.public_send(name) }).to eq(plain.map { |name| Workflow::Configuration.new.public_send(name) })
    expect(config).to have_attributes(path: "#{@directory}/storage/test_workflow.sqlite3", filter_parameters: [ :passw ], secrets: [ "x" * 64 ])
    expect(config.file).to eq "#{@directory}/config/workflow.yml"
  end
end
