# frozen_string_literal: true

require_relative "rails_application"

# bin/rails generate workflow:mirror, db:migrate and rake workflow:mirror in an application.
RSpec.describe "rails generate workflow:mirror" do
  include RailsApplication

  MIRRORING = <<~RUBY
    class Signup < ActiveRecord::Base
      include Workflow
      workflow(mirror: true) { later :send_link; await :activate }
      workflow(:renewal, mirror: true) { await :confirm } if ENV["NAMED"]
      def send_link = nil
    end
  RUBY

  GENERATE = <<~RUBY
    require "rails/generators"
    require "generators/workflow/mirror/mirror_generator"
    Workflow::Generators::MirrorGenerator.start(ARGV.empty? ? ENV.fetch("ARGUMENTS").split : ARGV, destination_root: Rails.root)
  RUBY

  MIGRATE = <<~RUBY
    ActiveRecord::Migration.verbose = false
    ActiveRecord::MigrationContext.new("db/migrate").public_send(ENV.fetch("DIRECTION", "up"))
    Signup.reset_column_information
    puts Signup.column_names.sort.join(" ")
    puts ActiveRecord::Base.connection.indexes(:signups).flat_map(&:columns).sort.join(" ")
  RUBY

  def migrations = Dir.children("#{@directory}/db/migrate").sort

  it "makes a migration with what mirror: true asks for, which may be there already, and takes it back" do
    application("app/models/signup.rb" => MIRRORING)
    in_application(<<~RUBY)
      Signup.new.then { |signup| signup.save! }
      ActiveRecord::Base.connection.add_column(:signups, :workflow_state, :string)
    RUBY
    expect(in_application("Signup.new.start")).to include("it has no workflow_step, workflow_version, workflow_run_id. Make them with: " \
      "bin/rails generate workflow:mirror signup, then bin/rails db:migrate.")
    expect(in_application("puts :booted", EAGER: "1")).to match(%r{app/models/signup.rb:3: mirror: true keeps columns of signups true}).and(satisfy { |said| !said.include?("booted") })

    expect(in_application(GENERATE, ARGUMENTS: "signup")).to match(%r{create\s+db/migrate/\d{14}_add_workflow_mirror_to_signups\.rb})
    expect(in_application(GENERATE, ARGUMENTS: "Signup")).to match(%r{identical\s+db/migrate/\d{14}_add_workflow_mirror_to_signups\.rb})
    expect(in_application(MIGRATE)).to eq "email id workflow_run_id workflow_state workflow_step workflow_version\nworkflow_state\n"
    expect(in_application("puts :booted, Signup.create!.tap(&:start).workflow_state", EAGER: "1")).to eq "booted\nrunning\n"
    expect(in_application(MIGRATE, DIRECTION: "down")).to eq "email id\n\n"
  end

  it "keeps a migration that was edited, or that another Rails has made, and says so" do
    application("app/models/signup.rb" => MIRRORING)
    in_application(GENERATE, ARGUMENTS: "signup")
    path = "#{@directory}/db/migrate/#{migrations.first}"
    File.write(path, edited = File.read(path).sub(/Migration\[.*?\]/, "Migration[5.0]"))
    said = in_application(GENERATE, ARGUMENTS: "signup")

    expect(said).to match(%r{\A\s+kept\s+db/migrate/#{migrations.first}\n\z})
    expect(migrations.size).to eq 1
    expect(File.read(path)).to eq edited
  end

  it "names them after a workflow that has a name" do
    application("app/models/signup.rb" => MIRRORING)
    in_application(GENERATE, ARGUMENTS: "signup")
    in_application(GENERATE, ARGUMENTS: "signup --workflow renewal", NAMED: "1")

    expect(migrations).to match [ /_add_workflow_mirror_to_signups\.rb/, /_add_renewal_mirror_to_signups\.rb/ ]
    expect(in_application(MIGRATE)).to include "renewal_run_id renewal_state renewal_step renewal_version workflow_run_id"
    expect(in_application("puts Signup.create!.tap { |signup| signup.start(:renewal) }.renewal_step", NAMED: "1")).to eq "confirm\n"
  end

  it "refuses what is no class, no record or none of its workflows, and says so in a line" do
    application("app/models/signup.rb" => MIRRORING, "app/models/reindex.rb" => "class Reindex\nend\n", "app/models/torn.rb" => "class Torn < NoSuchRecord\nend\n")
    said = { "nonsense" => /there is no class Nonsense/, "reindex" => /Reindex is no record/, "torn" => /Torn does not load: uninitialized constant NoSuchRecord \(NameError\)/,
      "signup --workflow renewl" => /Signup has no workflow renewl\. Did you mean renewal\? It has workflow, renewal: --workflow/, "signup --workflow Foo-Bar" => /"Foo-Bar" is no name of a workflow/,
      "signup --database animls" => /there is no database animls/, "signup --workflw renewal" => /Unknown switches "--workflw"/ }

    said.each { |arguments, message| expect(in_application(GENERATE, ARGUMENTS: arguments, NAMED: "1")).to match(message).and satisfy { |text| text.lines.size <= 3 } }
    expect(File).not_to exist("#{@directory}/db/migrate")
  end

  it "is put where the migrations of the class's own database are, and says what is next" do
    database = "test:\n  primary: {adapter: sqlite3, database: storage/test.sqlite3}\n  animals: {adapter: sqlite3, database: storage/animals.sqlite3, migrations_paths: db/animals_migrate}\n"
    application("config/database.yml" => database, "app/models/dog.rb" => "class Dog < AnimalsRecord\nend\n",
      "app/models/animals_record.rb" => "class AnimalsRecord < ActiveRecord::Base\n  self.abstract_class = true\n  connects_to database: { writing: :animals }\nend\n")

    expect(in_application(GENERATE, ARGUMENTS: "dog")).to match(%r{create\s+db/animals_migrate/\d+_add_workflow_mirror_to_dogs\.rb\n.*bin/rails db:migrate\n\s+workflow mirror: true do}m)
    expect(File).not_to exist("#{@directory}/db/migrate")
  end

  it "is joined by a task that makes all columns true" do
    application("app/models/signup.rb" => MIRRORING)
    in_application(GENERATE, ARGUMENTS: "signup")
    in_application(MIGRATE)
    in_application("3.times { Signup.create!.start }; Signup.limit(2).update_all(workflow_state: 'untrue', workflow_step: nil, workflow_version: 99)")

    expect(rake("workflow:mirror")).to match(/\Aworkflow: Signup, 3 records: [0-2] had other columns than the log says\.\n\z/)
    expect(in_application("puts Signup.distinct.pluck(:workflow_state, :workflow_version).inspect")).to eq "[[\"running\", 2]]\n"
  end
end
