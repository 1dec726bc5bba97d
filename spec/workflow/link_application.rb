# frozen_string_literal: true

require_relative "rails_application"

# The application of the Rails examples with an await that is confirmed by a link, its mailer, and words to visit pages
# with, each as a browser of its own: no cookies, no session.
module LinkApplication
  include RailsApplication

  MODEL = <<~RUBY
    class Signup < ActiveRecord::Base
      include Workflow
      workflow do
        now   :send_link
        await :activate, by: :link, expires_in: 3.days, otherwise: :expire, renew: :send_link
        later :onboard
      end
      def send_link = (SignupMailer.activation(self).deliver_now unless email == "before@example.org")
      def activate = (reject "Not <b>you</b>." if email == "rejected@example.org")
      def onboard; end
      def expire; end
    end
  RUBY

  FILES = {
    "config/environment.rb" => RailsApplication::FILES.fetch("config/environment.rb")
      .sub("action_cable/engine", "action_mailer/railtie action_cable/engine").sub('"x" * 64', 'ENV.fetch("SECRET", "x" * 64)').sub("config.hosts.clear", <<~RUBY),
        config.hosts.clear
        config.logger = Logger.new("log/test.log")
        config.api_only = !ENV["API_ONLY"].nil?
        config.action_mailer.delivery_method = :test
        config.action_mailer.default_url_options = { host: "app.example" }
        config.consider_all_requests_local = !ENV["LOCAL"].nil?
        config.action_dispatch.show_exceptions = :all
        initializer("rotations") { |app| app.message_verifiers.rotate(secret_key_base: ENV["OLD_SECRET"]) if ENV["OLD_SECRET"] }
      RUBY
    "config/routes.rb" => <<~RUBY,
      Rails.application.routes.draw do
        resources :signups, only: :show
        match "*rest", to: ->(_) { [ 404, {}, [ "the application's own" ] ] }, via: :all
      end
    RUBY
    "app/mailers/signup_mailer.rb" => <<~RUBY,
      class SignupMailer < ActionMailer::Base
        def activation(signup)
          @signup = signup
          mail(to: signup.email, from: "a@app.example", subject: "Activate")
        end
      end
    RUBY
    "app/views/signup_mailer/activation.text.erb" => "<%= workflow_url_for(@signup, :activate, to: signup_url(@signup)) %>\n"
  }.freeze

  WORDS = <<~'RUBY'
    ActiveRecord::Migration.suppress_messages { ActiveRecord::Schema.define { create_table(:signups, if_not_exists: true) { |t| t.string :email } } }
    HTTP = Rack::MockRequest.new(Rails.application)
    class Page < SimpleDelegator
      def title = body[/<h1>(.*?)<\/h1>/m, 1]
      def to_s = "#{status} #{title || headers["Location"] || body.lines.first}"
      def errors = body[/<ul class="errors".*?<\/ul>/m]
    end
    module Words # not for every object, as methods of the program would be
      def get(url, **env) = ask("GET", url, env)
      def head(url) = ask("HEAD", url, {})
      def post(url, params = {}, **env) = ask("POST", url, { params: params }.merge(env))
      # The query as it is: what is none raises in the browser's place otherwise.
      def ask(method, url, env)
        address, query = url.split("?", 2)
        Page.new(HTTP.request(method, address, { "QUERY_STRING" => query.to_s }.merge(env)))
      end
      def letters = ActionMailer::Base.deliveries
      def link = letters.last.body.to_s.strip
      def token = link[/workflow_token=(.*)/, 1]
      def start(email = "a@example.org") = Signup.start(email: email)
      def with_token(text) = "http://app.example/workflow/link?workflow_token=#{text}"
      def travel(seconds) = Workflow.engine.travel((seconds * 1000).to_i)
      def work_until
        worker = Workflow::Worker.new(threads: 1).start
        last = Process.clock_gettime(Process::CLOCK_MONOTONIC) + 60
        sleep 0.01 until yield || Process.clock_gettime(Process::CLOCK_MONOTONIC) > last
      ensure
        worker.stop
      end
      def kinds(signup) = signup.workflow.events.map(&:kind).tally
    end
    extend Words
  RUBY

  # Runs Ruby in it, and returns what that printed.
  def visit(code, model: MODEL, files: {}, **environment)
    application(**LinkApplication::FILES, "app/models/signup.rb" => model, **files) unless @written
    @written = true
    in_application(WORDS + code, **environment)
  end
end
