# frozen_string_literal: true

require_relative "rails_application"

# An application's own tests, run by Minitest and by RSpec: records are gone after each, and their ids come again.
RSpec.describe "Workflow::TestHelper" do
  include RailsApplication

  environment = RailsApplication::FILES.fetch("config/environment.rb")
    .sub("active_record/railtie", "active_record/railtie rails/test_unit/railtie").sub("Rails.application.initialize!\n", "Rails.application.initialize!\nRails.backtrace_cleaner.remove_silencers!\n")
  model = <<~RUBY
    class Signup < ActiveRecord::Base
      include Workflow
      workflow { now :create; later :send_link; await :activate }
      def create = self.class.made << id
      def send_link; end
      def activate; end
      def self.made = @made ||= []
    end
  RUBY
  helper = <<~RUBY
    require_relative "../config/environment"
    def connect
      ActiveRecord::Base.establish_connection("sqlite3:test-\#{Process.pid}.sqlite3")
      ActiveRecord::Schema.verbose = false
      ActiveRecord::Schema.define { create_table(:signups, force: true) { |t| t.string :email } }
    end
    connect
    require "rails/test_help"
    ActiveSupport::TestCase.include Workflow::TestHelper
  RUBY
  test = <<~RUBY
    require "test_helper"
    class SignupTest < ActiveSupport::TestCase
      3.times do |number|
        test "starts a run of its own \#{number}" do
          Signup.made.clear
          signup = Signup.start(email: "a@example.com")
          assert_equal [ signup.id ], Signup.made
          assert_equal [ 1, 1 ], [ signup.id, Signup.workflows.count ]
          Workflow::Worker.new(threads: 1).start if number == 1
        end
      end
    end
  RUBY

  let(:own) { { "config/environment.rb" => environment, "app/models/signup.rb" => model } }

  def run_twice(*command, **given) = Array.new(2) { run_in_application({}, *command, **given) }

  # Files of tests do not belong to the application that other examples have.
  def write(files) = files.each { |path, text| FileUtils.mkdir_p(File.dirname("#{@directory}/#{path}")) && File.write("#{@directory}/#{path}", text) }

  define_method(:tests) do |helper_text|
    application(**own)
    write("test/test_helper.rb" => helper_text, "test/signup_test.rb" => test)
  end

  it "gives each test a log of its own, in each run of them, and leaves the application's alone" do
    tests(helper)

    expect(run_twice(RbConfig.ruby, "-Itest", "test/signup_test.rb")).to all(match(/3 runs, 6 assertions, 0 failures, 0 errors/))
    expect(Dir["#{@directory}/storage/*workflow*"]).to be_empty
  end

  it "is what such tests fail without" do
    tests(helper.sub(/^.*Workflow::TestHelper\n/, ""))

    expect(run_in_application({}, RbConfig.ruby, "-Itest", "test/signup_test.rb"))
      .to match(/StoreError: Signup 1 has just been made, and the log has an open run .* Tests want a log each: include Workflow::TestHelper/).and match(/3 runs, \d+ assertions, 0 failures, 2 errors/)
  end

  it "goes with tests in several processes" do
    tests("#{helper.sub(/^connect\n/, "")}ActiveSupport::TestCase.parallelize(workers: 2, threshold: 0)\n")
    write("db/schema.rb" => "ActiveRecord::Schema.define(version: 1) { create_table(:signups, force: true) { |t| t.string :email } }\n")

    expect(run_in_application({}, "timeout", "-s", "KILL", "60", RbConfig.ruby, "-Itest", "test/signup_test.rb")).to match(/3 runs, 6 assertions, 0 failures, 0 errors/)
  end

  it "does the same for RSpec" do
    application(**own)
    write("spec/signup_spec.rb" => <<~RUBY)
      require_relative "../config/environment"
      ActiveRecord::Base.establish_connection("sqlite3:test.sqlite3")
      require "workflow/rspec"
      RSpec.describe Signup do
        before do
          ActiveRecord::Schema.verbose = false
          ActiveRecord::Schema.define { create_table(:signups, force: true) { |t| t.string :email } }
        end
        3.times do |number|
          it "starts a run of its own \#{number}" do
            expect(Signup.start(email: "a@example.com")).to have_attributes(id: 1, workflow: be_running)
            expect(Signup.workflows.count).to eq(1)
          end
        end
      end
    RUBY

    expect(run_twice("bundle", "exec", "rspec", "spec/signup_spec.rb")).to all(include("3 examples, 0 failures"))
  end

  it "says why there can be no log, and gives the next test one" do
    before = Workflow.configuration.store
    allow(Dir).to receive(:mktmpdir).and_raise(Errno::ENOSPC)
    minitest = Class.new do
      lifecycle = Module.new do
        def before_setup; end
        def after_teardown; end
      end
      include lifecycle
      include Workflow::TestHelper
    end.new
    expect { Workflow::TestHelper.with_log { raise "never" } }.to raise_error(Errno::ENOSPC)
    expect { minitest.before_setup }.to raise_error(Errno::ENOSPC)
    minitest.after_teardown # which Minitest calls all the same

    allow(Dir).to receive(:mktmpdir).and_call_original
    Workflow::TestHelper.with_log { expect(Workflow.configuration.store).not_to eq(before) }
    expect(Workflow.configuration.store).to eq(before)
  end

  it "gives back the log that was there, when the block fails too" do
    before = Workflow.configuration.store
    expect do
      Workflow::TestHelper.with_log do
        expect(Workflow.configuration.store).not_to eq(before)
        Workflow::TestHelper.with_log { expect(Workflow.engine.stats[:appends]).to eq(0) }
        raise IOError, "in the block"
      end
    end.to raise_error(IOError)
    expect(Workflow.configuration.store).to eq(before)
  end
end
