# frozen_string_literal: true

# The Rails application of workload (l), for a web and a worker process: a page with a number in it. BENCH_CABLE says how the page
# hears of a change: "workflow" (ours, cable async), "solid_cable" or "redis" (turbo-rails' broadcasts). BENCH_DIR is where its files lie.
%w[rails active_record/railtie active_job/railtie action_controller/railtie action_view/railtie action_cable/engine].each { |part| require part }
require "logger"

module Bench
  module Live
    CABLE = ENV.fetch("BENCH_CABLE")
    DIR = ENV.fetch("BENCH_DIR")
    STREAM = "ticker"
    require CABLE
    require "turbo-rails" unless CABLE == "workflow"

    # Production mode, everything loaded, log level warn.
    class Application < ::Rails::Application
      config.root = DIR
      config.load_defaults 7.2
      config.eager_load = true
      config.logger = Logger.new($stderr, level: Logger::WARN)
      config.log_level = :warn
      config.secret_key_base = "x" * 64
      config.public_file_server.enabled = true
      config.action_cable.disable_request_forgery_protection = true
      config.hosts.clear
    end

    # What a page shows, from whatever the number is known by.
    def self.html(number) = %(<p id="tick" data-number="#{number}">#{number}</p>)
  end
end

require_relative(Bench::Live::CABLE == "workflow" ? "ticker" : "tick")
require_relative "pages_controller"

Rails.application.initialize!
Rails.application.routes.draw { root "bench/live/pages#show" }
