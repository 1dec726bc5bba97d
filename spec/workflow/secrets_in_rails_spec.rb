# frozen_string_literal: true

require_relative "rails_application"

# What Rails filters out of its own log is in none of ours, and on no page.
RSpec.describe "filter_parameters, CurrentAttributes and the locale in Rails" do
  include RailsApplication

  def secret = "hunter2-in-plain"

  def with_secrets(**files)
    application(
      "config/initializers/filters.rb" => "Rails.application.config.filter_parameters += [ :passw, :token ]\n",
      "config/initializers/workflow.rb" => <<~RUBY,
        I18n.available_locales = %i[en de]
        Workflow.configure do |config|
          config.travels = { "Current" => %i[user] }
          config.secret_keys = ENV.fetch("OLD_SECRETS", "").split(",")
        end
      RUBY
      "config/environment.rb" => RailsApplication::FILES.fetch("config/environment.rb").sub('"x" * 64', 'ENV.fetch("SECRET", "x" * 64)')
        .sub("config.hosts.clear", "config.hosts.clear\n  config.logger = Logger.new(\"log/test.log\")"),
      "app/models/current.rb" => "class Current < ActiveSupport::CurrentAttributes\n  attribute :user\nend\n",
      "app/models/signup.rb" => <<~RUBY,
        class Signup < ActiveRecord::Base
          include Workflow
          workflow { await :sign_in, fields: { password: String, name: String }; later :welcome }
          def sign_in(password:, name:) = (reject "Not \#{password}." unless password.start_with?("hunter2"))
          def welcome = raise("\#{workflow.input(:sign_in)} \#{I18n.locale} \#{Time.zone.name} \#{Current.user}")
          def call(token) = raise(token)
        end
      RUBY
      "app/models/keeper.rb" => <<~RUBY,
        class Keeper
          include Workflow
          remembers :token
          attr_reader :token
          def initialize(token:) = @token = token
          workflow { later :go }
          def go = nil
        end
      RUBY
      **files
    )
  end

  # A page with all that there is to show of a run, as HTML and as JSON.
  def words = <<~'RUBY'
    class Pages < ActionController::Base; end
    def page(run) = [
      Pages.render(inline: "<%= workflow_for run %><%= workflow_steps_tag run, details: true %>", locals: { run: run }),
      [ run, run.steps, run.events, run.to_h ].to_json, run.inspect, run.events.inspect, run.events.map(&:data).inspect
    ].join("\n")
    def work_until
      worker = Workflow::Worker.new(threads: 1).start
      last = Process.clock_gettime(Process::CLOCK_MONOTONIC) + 60
      sleep 0.01 until yield || Process.clock_gettime(Process::CLOCK_MONOTONIC) > last
    ensure
      worker.stop
    end
  RUBY

  def files = Dir["#{@directory}/{storage,log}/*"].select { |file| File.file?(file) }

  it "leaves them in no file, on no page and in no JSON; and has locale, zone and the current user in the step" do
    with_secrets
    said = in_application(words + <<~RUBY)
      signup = I18n.with_locale(:de) { Time.use_zone("Tokyo") { Current.set(user: "ann") { Signup.create!(email: "a").tap(&:start) } } }
      refused = signup.submit(:sign_in, password: "wrong-#{secret}", name: "ann")
      signup.submit!(:sign_in, password: "#{secret}", name: "ann")
      call = signup.later(:call, "#{secret}")
      keeper = Keeper.start(token: "#{secret}").workflow
      runs = [ signup.workflow, call, keeper ]
      work_until { runs.all? { |run| run.reload.failed? || run.done? } }
      puts runs.map(&:state).inspect, signup.workflow.error.message, runs.map { |run| page(Workflow::Run.new(nil, id: run.id)) }
    RUBY

    expect(said.lines.first(2)).to eq [ "[:failed, :failed, :done]\n", %({:password=>"[FILTERED]", :name=>"ann"} de Tokyo ann\n) ]
    expect(said).to include '"input":{"password":"[FILTERED]","name":"ann"}', "Not [FILTERED]."
    expect(said).not_to include secret
    expect(files.map { |file| File.basename(file) }).to include "test.log", "test_workflow.sqlite3"
    expect(files.select { |file| File.binread(file).include?(secret) }).to be_empty
    expect(rake("workflow:check")).not_to include secret
  end

  it "shows pages of runs whose key is gone, and goes on with them when it is back" do
    with_secrets
    in_application(words + <<~RUBY, SECRET: "o" * 64)
      Signup.create!(email: "a").tap(&:start).submit!(:sign_in, password: "#{secret}", name: "ann")
      Keeper.start(token: "#{secret}")
    RUBY
    said = in_application(words + <<~RUBY)
      runs = [ Signup.first.workflow, Keeper.workflows.first ]
      runs.each { |run| page(run) }
      work_until { runs.all? { |run| run.reload.failed? } }
      puts runs.map { |run| run.error.class_name }, runs.map { |run| page(Workflow::Run.new(nil, id: run.id)) }
    RUBY

    expect(said.lines.first(2)).to eq [ "Workflow::KeyMissing\n" ] * 2
    expect(said).to include('id="workflow_run_').and include("config.secret_keys")
    expect(in_application(words + <<~RUBY, OLD_SECRETS: "o" * 64)).to eq "done #{secret.inspect}\n"
      run = Keeper.workflows.first.retry
      work_until { run.reload.done? }
      puts [ run.state, run.subject.token.inspect ].join(" ")
    RUBY
  end

  it "has a field for a password on the page of an await, which does not come back" do
    with_secrets("config/routes.rb" => "Rails.application.routes.draw { }\n")
    said = in_application(words + <<~RUBY)
      signup = Signup.create!(email: "a").tap(&:start)
      puts Pages.render(inline: "<%= workflow_form_for run, :sign_in, input: input, url: '/x' %>", locals: { run: signup.workflow, input: { "password" => "#{secret}", "name" => "ann" } })
    RUBY

    expect(said).to match(/<input[^>]*type="password"/).and match(/value="ann"/)
    expect(said).not_to include secret
  end

  it "does not boot with attributes that there are not" do
    with_secrets("app/models/current.rb" => "class Current < ActiveSupport::CurrentAttributes\n  attribute :users\nend\n")

    expect(in_application("puts :booted", EAGER: "1")).to match(/travels names Current.user, and Current has no such attribute. Did you mean users\?/)
    expect(in_application("puts :booted")).to eq "booted\n"
    expect(rake("workflow:check")).to match(/travels names Current.user/)
  end
end
