# frozen_string_literal: true

require_relative "rails_application"

# Applications of fewer parts of Rails than all.
RSpec.describe "A Rails application" do
  include RailsApplication

  const_set(:ERRAND, <<~RUBY)
    class Errand
      include Workflow
      remembers :name
      attr_reader :name
      workflow { now :pack; later :carry }
      def initialize(name) = @name = name
      def pack = nil
      def carry = nil
    end
  RUBY

  # @param parts [Array<String>] of Rails
  def application_of(*parts, **files)
    environment = RailsApplication::FILES.fetch("config/environment.rb").sub(/%w\[rails .*\]\.each/, "%w[#{[ "rails", *parts ].join(" ")}].each")
    environment = environment.lines.grep_v(/ActiveRecord::Schema/).join unless parts.include?("active_record/railtie")
    application(**{ "config/environment.rb" => environment, "app/models/errand.rb" => self.class::ERRAND }, **files)
    FileUtils.rm_rf([ "#{@directory}/app/models/signup.rb", "#{@directory}/app/views" ]) unless parts.include?("active_record/railtie")
  end

  # Boots it, and has a worker do an errand.
  def errand(**environment)
    in_application(<<~RUBY, **environment)
      errand = Errand.start("a")
      worker = Workflow::Worker.new(threads: 1).start
      sleep 0.01 until errand.workflow.done?
      worker.stop
      puts errand.workflow.steps.map(&:state).inspect
    RUBY
  end

  it "does without Active Record" do
    application_of("action_controller/railtie", "action_view/railtie")

    expect(errand(EAGER: "1")).to eq "[:completed, :completed]\n"
    expect(in_application("p defined?(ActiveRecord)")).to eq "nil\n"
    expect(rake("workflow:check")).to include("1 class checked")
  end

  it "does without controllers and views" do
    application_of("active_record/railtie")

    expect(errand).to eq "[:completed, :completed]\n"
  end

  it "does without anything but Rails itself" do
    application_of

    expect(errand).to eq "[:completed, :completed]\n"
  end

  it "shows its runs without Action Cable, as they are when the page is rendered" do
    application_of("active_record/railtie", "action_controller/railtie", "action_view/railtie")
    said = in_application(<<~RUBY)
      signup = Signup.start(email: "a")
      puts ActionController::Base.render(inline: "<%= workflow_for signup %>", locals: { signup: signup })
      p defined?(ActionCable)
    RUBY

    expect(said).to include('data-state="running"', "Send link").and end_with("nil\n")
  end

  it "loads all at once in an application of its API, links included" do
    application_of("active_record/railtie", "action_controller/railtie", "app/controllers/runs_controller.rb" => <<~RUBY, "config/routes.rb" => <<~ROUTES)
      class RunsController < ActionController::API
        def show = render(json: { state: Signup.find(params[:id]).workflow.state })
      end
    RUBY
      Rails.application.config.api_only = true
      Rails.application.routes.draw { resources :runs, only: :show }
    ROUTES
    said = in_application(<<~RUBY, EAGER: "1")
      Rails.application.config.api_only = true
      signup = Signup.start(email: "a")
      http = Rack::MockRequest.new(Rails.application)
      puts http.get("/runs/\#{signup.id}").body, http.get("/workflow/link?workflow_token=x").status
    RUBY

    expect(said).to eq "{\"state\":\"running\"}\n404\n"
  end

  it "passes zeitwerk:check" do
    application_of("active_record/railtie", "action_controller/railtie", "action_view/railtie", "action_cable/engine")

    expect(rake("zeitwerk:check")).to end_with("All is good!\n")
  end
end
