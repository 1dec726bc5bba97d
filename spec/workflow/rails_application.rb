# frozen_string_literal: true

require "fileutils"

# A Rails application of a few files in the example's directory, for the examples that need one. It lives in a process
# of its own: what Rails does to a process is not to be undone.
module RailsApplication
  FILES = {
    "config/environment.rb" => <<~RUBY,
      require "bundler/setup"
      %w[rails active_record/railtie action_controller/railtie action_view/railtie action_cable/engine].each { |part| require part }
      require "workflow"
      class Application < Rails::Application
        config.load_defaults Rails::VERSION::STRING.to_f
        config.root = File.expand_path("..", __dir__)
        config.eager_load = !ENV["EAGER"].nil?
        config.enable_reloading = !ENV["RELOAD"].nil?
        config.secret_key_base = "x" * 64
        config.logger = Logger.new($stderr) if ENV["LOG"]
        config.hosts.clear
      end
      Rails.application.initialize!
      ActiveRecord::Schema.verbose = false
      ActiveRecord::Schema.define { create_table(:signups, if_not_exists: true) { |t| t.string :email } }
    RUBY
    "config/database.yml" => "test: {adapter: sqlite3, database: storage/test.sqlite3, pool: 10}\n",
    "config/cable.yml" => "test: {adapter: async}\n",
    "app/models/signup.rb" => <<~RUBY,
      class Signup < ActiveRecord::Base
        include Workflow
        workflow { now :create; later :send_link; await :activate }
        def create; end
        def send_link; end
        def activate(code: nil) = (reject "Not the code." if code == 2)
      end
    RUBY
    "app/views/signups/workflow/_waiting_for_activate.html.erb" => "activate <%= signup.email %> <%= workflow.state %>\n",
    "app/views/signups/workflow/_done.html.erb" => "welcome\n",
    "Rakefile" => "require_relative \"config/environment\"\nRails.application.load_tasks\n",
    "storage/.keep" => "", "log/.keep" => ""
  }.freeze

  # Writes the files, with others instead or besides.
  def application(**files)
    FILES.merge(files.transform_keys(&:to_s)).each do |path, text|
      FileUtils.mkdir_p(File.dirname("#{@directory}/#{path}"))
      File.write("#{@directory}/#{path}", text)
    end
  end

  # Runs Ruby code in the application, and returns what it printed.
  def in_application(code, **environment)
    run_in_application({}, RbConfig.ruby, "-r./config/environment", "-e", code, **environment)
  end

  def rake(*arguments, **environment) = run_in_application({}, "bundle", "exec", "rake", *arguments, **environment)

  # The gem's own command, as from the application's bundle.
  def command(*arguments, **environment) = run_in_application({}, "bundle", "exec", "workflow", *arguments, **environment)

  private
    def run_in_application(_, *command, **environment)
      variables = { "RAILS_ENV" => "test", "BUNDLE_GEMFILE" => File.expand_path("../../Gemfile", __dir__), "RUBYOPT" => "-W0" }
      variables["RUBYLIB"] = File.expand_path("../../lib", __dir__)
      environment.each { |name, value| variables[name.to_s] = value }
      IO.popen([ variables, *command, chdir: @directory, err: [ :child, :out ] ], &:read)
    end
end
