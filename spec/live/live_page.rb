# frozen_string_literal: true

require "json"
require "net/http"
require_relative "../../bin/support/browser"
require_relative "../../bin/support/program"

# The application of page.ru as a process of its own, and a browser in front of it.
module LivePage
  include Waiting

  ROOT = File.expand_path("../..", __dir__)
  # What a page would say of itself, if it could be heard: broken rules of its policy, and what was asked of the server.
  EARS = <<~JS
    window.violations = []
    document.addEventListener("securitypolicyviolation", event => window.violations.push(event.violatedDirective + " " + event.blockedURI))
    window.errors = []
    window.addEventListener("error", event => window.errors.push(event.message))
    window.addEventListener("unhandledrejection", event => window.errors.push(String(event.reason)))
    window.heard = []
    for (const name of ["workflow:update", "workflow:held"]) document.addEventListener(name, event => window.heard.push([name, event.target.id, event.detail.version]))
  JS

  def self.included(group)
    group.before(:all) { boot }
    group.before { perform("Door.reset; Door.cable_shut = Door.broken = PagesController.signed_out = PagesController.gone = PagesController.gate = Order.trouble = Order.steps = Order.meanwhile = nil") }
    group.after(:all) { shut_down }
    group.after { |example| look_at(example) if example.exception }
  end

  attr_reader :browser

  # Runs Ruby in the application, and returns what it returned.
  def perform(code)
    response = Net::HTTP.post(URI(url("/do")), code, "content-type" => "text/plain")
    raise "#{code}: #{response.code} #{response.body[0, 2000]}" unless response.is_a?(Net::HTTPSuccess)
    JSON.parse(response.body)
  end

  # A new order that has come to this, its number, and its page when it listens.
  def order(code = nil, name: "x")
    perform("$order = Order.create!(name: #{name.dump}); $order.start; #{code}; $order.id")
  end

  def waiting_order = order("$order.now(:prepare)")

  def open_page(path, listening: true)
    browser.visit(url(path))
    browser.wait("the page listens") { connected? } if listening
  end

  def connected? = browser.script("return document.querySelector('turbo-cable-stream-source[connected]') !== null && !!window.workflowLive")
  def version(id) = perform("Order.find(#{id}).workflow.version")
  def shown(region) = browser.script("return Number(document.getElementById(arguments[0])?.dataset.version)", region)
  def script(source, *arguments) = browser.script(source, *arguments)

  # All that is to be seen of a run is of its present version.
  def wait_until_true(id, *regions, within: 30)
    regions = [ "workflow_order_#{id}" ] if regions.empty?
    browser.wait("the page shows the present version", within: within) { regions.map { |region| shown(region) }.uniq == [ version(id) ] }
  end

  def url(path = "/") = "http://127.0.0.1:#{@port}#{path}"

  private
    def boot
      raise "Chromium and chromedriver are needed." if !Browser.available? && ENV["CI"] == "true"
      skip "Chromium and chromedriver are not here" unless Browser.available?
      @folder = Dir.mktmpdir("live")
      FileUtils.mkdir_p([ "#{@folder}/config", "#{@folder}/storage" ])
      File.write("#{@folder}/config/database.yml", "test: {adapter: sqlite3, database: #{@folder}/test.sqlite3, pool: 20}\n")
      File.write("#{@folder}/config/cable.yml", "test: {adapter: async}\n")
      start
      @browser = Browser.new
      @browser.devtools("Page.addScriptToEvaluateOnNewDocument", source: EARS)
    end

    def start
      @port = TCPServer.open("127.0.0.1", 0) { |server| server.addr[1] }
      environment = Bundler.unbundled_env.merge("RAILS_ENV" => "test", "BUNDLE_GEMFILE" => "#{ROOT}/Gemfile", "LIVE_FOLDER" => @folder, "RUBYOPT" => "-W0")
      command = %W[bundle exec puma --quiet --threads 8:8 --environment test --bind tcp://127.0.0.1:#{@port} #{__dir__}/page.ru]
      @web = Program.new("web", command, env: environment, dir: ROOT, output: Pathname("#{@folder}/web.out"))
      @web.start { answering? }
    end

    def answering?
      Net::HTTP.get_response(URI(url("/sign_in"))).is_a?(Net::HTTPSuccess)
    rescue SystemCallError, IOError, Timeout::Error
      false
    end

    def shut_down
      @browser&.quit
      @web&.stop
    ensure
      FileUtils.rm_rf(@folder) if @folder
    end

    def look_at(example)
      folder = Pathname("#{ROOT}/tmp/screenshots").tap(&:mkpath)
      name = example.full_description.gsub(/\W+/, "-")[0, 100]
      browser.screenshot(folder.join("#{name}.png"))
      %w[live.log web.out].each { |file| FileUtils.cp("#{@folder}/#{file}", folder.join("#{name}-#{file}")) }
    rescue Selenium::WebDriver::Error::WebDriverError, SystemCallError => error
      warn "no screenshot of #{name}: #{error.message}"
    end
end
