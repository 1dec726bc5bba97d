# frozen_string_literal: true

require "bundler"
require "fileutils"
require "net/http"
require "pathname"
require "socket"
require_relative "../../../bin/support/program"
require_relative "../../support/cutting_proxy"
require_relative "site/app/models/voyage"

module LivePages
  # The application as two web and two worker processes on one log, and the proxy through which browsers come to it.
  class WebSite
    HOST = "127.0.0.1"
    DIR = Pathname(__dir__).join("site")
    THREADS = 12 # of a worker: each voyage that waits for its order has one

    attr_reader :proxy

    def initialize(folder, environment = {})
      @folder = Pathname(folder)
      %w[orders public log].each { |name| @folder.join(name).mkpath }
      FileUtils.cp(File.join(Gem.loaded_specs.fetch("turbo-rails").full_gem_path, "app/assets/javascripts/turbo.min.js"), @folder.join("public/turbo.js"))
      @environment = environment
    end

    def start
      @ports = Array.new(2) { TCPServer.open(HOST, 0) { |server| server.addr[1] } }
      @programs = webs + workers
      @programs.map { |program, ready| Thread.new { program.start(within: 120) { ready.call } }.tap { |thread| thread.report_on_exception = false } }.each(&:join)
      @proxy = CuttingProxy.new(@ports).start
      self
    end

    def stop
      @proxy&.stop
      @programs.to_a.map { |program, _| Thread.new { program.stop } }.each(&:join)
    end

    # @return [String] of a page, through the proxy
    def url(path) = "http://#{HOST}:#{proxy.port}#{path}"

    # What somebody does in one of the web processes, past the proxy.
    # @return [Net::HTTPResponse]
    def post(path, web:, **params) = Net::HTTP.post_form(URI("http://#{HOST}:#{@ports.fetch(web)}#{path}"), params)

    def store = "sqlite:#{@folder.join("log.sqlite3")}"
    def order(number) = @folder.join("orders", number.to_s)

    # What the processes have said.
    def said = @programs.map { |program, _| "#{program.name}:\n#{program.said.lines.last(20).join}" }.join("\n")

    private
      def webs
        @ports.each_with_index.map do |port, index|
          [ program("web#{index}", %W[bundle exec puma --quiet --threads 8:8 --bind tcp://#{HOST}:#{port}]), -> { answers?(port) } ]
        end
      end

      def workers
        Array.new(2) do |index|
          worker = program("worker#{index}", %w[bundle exec rake workflow:work])
          [ worker, -> { worker.said.include?("works on") } ]
        end
      end

      def program(name, command)
        Program.new(name, command, env: env, dir: DIR, output: @folder.join("log", "#{name}.out"))
      end

      def env
        Bundler.unbundled_env.except("RACK_ENV", "DATABASE_URL").merge("RAILS_ENV" => "production", "LIVE_FOLDER" => @folder.to_s, "RUBYOPT" => "-W0",
          "BUNDLE_GEMFILE" => DIR.join("../../../../Gemfile").expand_path.to_s, "THREADS" => THREADS.to_s, "RAILS_SERVE_STATIC_FILES" => "1", **@environment)
      end

      def answers?(port)
        Net::HTTP.get_response(URI("http://#{HOST}:#{port}/elsewhere")).is_a?(Net::HTTPSuccess)
      rescue SystemCallError, IOError, Timeout::Error
        false
      end
  end
end
