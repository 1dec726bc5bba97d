# frozen_string_literal: true

# A Rails application for looking at live pages: a strict Content-Security-Policy, Turbo, no asset pipeline. What an example
# wants to happen it posts to /do as Ruby; doors hold answers back, and shut the cable.
require "bundler/setup"
%w[rails active_record/railtie action_controller/railtie action_view/railtie action_cable/engine].each { |part| require part }
require "workflow"

FOLDER = ENV.fetch("LIVE_FOLDER")

# Lets answers through, or keeps those to requests for pages until it is opened again, or lets one of them through (they are
# numbered). They are made, and held back on the way.
class Door
  PATHS = %r{\A/(orders|pair|plain|runs)}

  class << self
    attr_accessor :cable_shut, :broken
    attr_reader :asked, :visits

    def close = lock.synchronize { @open = false }
    def open = lock.synchronize { (@open = true) && woken.broadcast }
    def held = lock.synchronize { @held }
    def let(number) = lock.synchronize { @let.push(number) && woken.broadcast }
    def lock = @lock ||= Mutex.new
    def woken = @woken ||= ConditionVariable.new
    def ask(look) = lock.synchronize { @asked += 1; @visits += 1 unless look }
    def reset = lock.synchronize { @asked, @visits, @held, @let, @open = 0, 0, 0, [], true } && woken.broadcast

    def pass
      lock.synchronize do
        next if @open
        number = @held += 1
        woken.wait(lock) until @open || @let.include?(number)
      end
    end
  end

  reset

  def initialize(app) = @app = app

  def call(env)
    return [ 503, {}, [] ] if env["PATH_INFO"] == "/cable" && Door.cable_shut
    answer = @app.call(env)
    return answer unless env["PATH_INFO"].match?(PATHS)
    Door.ask(env["HTTP_X_WORKFLOW_LOOK"] == "1")
    Door.pass
    Door.broken ? [ 500, {}, [] ] : answer
  end
end

class LiveApplication < Rails::Application
  config.load_defaults Rails::VERSION::STRING.to_f
  config.root = FOLDER
  config.eager_load = false
  config.secret_key_base = "x" * 64
  config.hosts.clear
  config.logger = Logger.new("#{FOLDER}/live.log")
  config.action_cable.disable_request_forgery_protection = true
  config.middleware.insert_before 0, Door
  config.content_security_policy do |policy|
    policy.default_src :none
    policy.script_src :self
    policy.style_src :self
    policy.connect_src :self
    policy.form_action :self
    policy.base_uri :none
  end
  config.content_security_policy_nonce_generator = ->(_) { SecureRandom.base64(16) }
  config.content_security_policy_nonce_directives = %w[script-src style-src]
  routes.append do
    get "turbo.js", to: ->(_) { [ 200, { "content-type" => "text/javascript" }, [ File.read("#{Gem::Specification.find_by_name("turbo-rails").full_gem_path}/app/assets/javascripts/turbo.min.js") ] ] }
    post "do", to: "pages#perform"
    get "sign_in", to: "pages#sign_in"
    post "confirm/:id", to: "pages#confirm"
    get "orders/:id", to: "pages#show", as: :order
    post "answer/:id", to: "pages#answer"
    get "runs/:id", to: "pages#runs"
    get "plain/:id", to: "pages#plain"
    get "pair/:ids", to: "pages#pair"
    get "framed/:id", to: "pages#framed"
    get "inner/:id", to: "pages#inner"
    get "board/:id", to: "pages#board"
    get "list/:id", to: "pages#list"
    get "moved/:id", to: redirect("/orders/%{id}")
    get "elsewhere", to: "pages#elsewhere"
    post "nothing", to: "pages#nothing"
    get "no_content", to: "pages#nothing"
  end
end

ActionController::Base.prepend_view_path(File.expand_path("views", __dir__))

module ApplicationCable
  class Connection < ActionCable::Connection::Base
  end
end

Workflow.configure { |c| c.store = "sqlite:#{FOLDER}/log.sqlite3" }
Rails.application.initialize!
ActiveRecord::Schema.verbose = false
ActiveRecord::Schema.define { create_table(:orders, force: true) { |t| t.string :name } }

class Order < ActiveRecord::Base
  include Workflow
  workflow { later :prepare, retries: 2, backoff: 3600; await :confirm, fields: { code: String }; later :ship; now :close }
  class << self
    attr_accessor :trouble, :steps, :meanwhile
  end
  def prepare = Order.trouble && raise(Order.trouble)
  def confirm(code:) = (reject "Not the code." if code == "wrong")
  def ship = Order.steps&.call(self)
  def close; end
  public :progress
end

class PagesController < ActionController::Base
  skip_forgery_protection
  layout "application"
  before_action { redirect_to "/sign_in" if PagesController.signed_out && %w[show pair plain board list].include?(action_name) }
  before_action { render inline: "<h1>Gone</h1>", status: :not_found if PagesController.gone && action_name == "show" }
  class << self
    attr_accessor :signed_out, :gone, :gate
  end

  def perform = render(plain: eval(request.raw_post, TOPLEVEL_BINDING).to_json) # rubocop:disable Security/Eval -- the spec's own words
  def sign_in = render(inline: "<h1>Sign in</h1>", layout: true)
  def nothing = head(:no_content)
  def elsewhere = render(inline: "<h1>Elsewhere</h1><%= link_to 'Back there', params[:to] if params[:to] %>", layout: true)
  def show
    @order = Order.find(params[:id])
    meanwhile, Order.meanwhile = Order.meanwhile, nil
    meanwhile&.call
    render(:show)
  end

  def answer = (@order = Order.find(params[:id])) && render(:show, status: :unprocessable_entity)
  def runs = render(inline: "<h1>Runs</h1><% Order.find(params[:id]).workflows.each do |run| %><%= workflow_steps_tag run %><% end %>", layout: true)

  # Answers when it is let, if there is somebody to let it.
  def confirm
    Order.find(params[:id]).submit(:confirm, code: params[:code])
    PagesController.gate&.pop
    redirect_to "/orders/#{params[:id]}", status: :see_other
  end

  def plain = (@order = Order.find(params[:id])) && render(:plain)
  def framed = (@order = Order.find(params[:id])) && render(:framed)
  def inner = (@order = Order.find(params[:id])) && render(:inner)
  def board = (@order = Order.find(params[:id])) && render(request.headers["Turbo-Frame"] ? :list : :board)
  def list = (@order = Order.find(params[:id])) && render(:list)
  def pair = (@orders = Order.find(params[:ids].split(","))) && render(:pair)
end

run Rails.application
