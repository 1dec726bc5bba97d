# frozen_string_literal: true

# A small Rails application for live_pages_spec.rb: voyages, pages that show them, and doors through which the spec does what
# people would do. Everything that it writes is in the folder LIVE_FOLDER.
require "bundler/setup"
%w[rails action_controller/railtie action_view/railtie action_cable/engine].each { |part| require part }
require "workflow"

class Site < Rails::Application
  folder = ENV.fetch("LIVE_FOLDER")
  config.load_defaults Rails::VERSION::STRING.to_f
  config.root = File.expand_path("..", __dir__)
  config.eager_load = true
  config.enable_reloading = false
  config.secret_key_base = "x" * 64
  config.paths["public"] = File.join(folder, "public")
  config.paths["log"] = File.join(folder, "log/rails.log")
  config.log_level = :warn
  config.hosts.clear
  config.action_cable.disable_request_forgery_protection = true # each page is reached through a proxy, on another port
  config.action_cable.mount_path = "/cable"
end

Workflow.configure { |config| config.store = "sqlite:#{ENV.fetch("LIVE_FOLDER")}/log.sqlite3" }
Rails.application.initialize!
require_relative "../../replay_turned_off" if ENV["REPLAY"] == "off"
