# frozen_string_literal: true

require "logger"
require_relative "contender"

module Bench
  # A contender in a Rails application: in production mode, everything loaded, log level warn.
  class RailsContender < Contender
    SLICE = 1000

    def load
      ENV["RAILS_ENV"] = "production"
      require "rails"
      require "active_record/railtie"
      require "active_job/railtie"
      load_gem
      boot
      require_relative "active_jobs"
      require_relative "../harness/signup_without_log"
    end

    def versions = [ "rails #{Rails.version}" ]

    # The application's database, where it has one in these workloads.
    def connect
      Application.connect(address) if address
    end

    def prepare
      connect
      Application.prepare { create_tables } if address
    end

    def enqueue(kind, numbers)
      numbers.each_slice(SLICE) { |some| ActiveJob.perform_all_later(some.map { |number| job(kind).new(*arguments(kind, number)) }) }
    end

    def start_one(kind, number) = job(kind).perform_later(*arguments(kind, number))

    # Signup and job commit together where the queue is in the same database, and Sidekiq's is not.
    def sign_up(number) = Signup.sign_up(number) { |signup| SendLinkJob.perform_later(signup) }
    def activate(number) = Signup.activate(number) { |signup| OnboardJob.perform_later(signup) }

    def sync_mode = Application.sync_mode
    def syncing = Application.syncing

    private
      # Which adapter Active Job uses, and what else the application sets.
      def adapter = raise(NotImplementedError)
      def load_gem = nil
      def configure(config) = nil
      def create_tables = nil
      def address = @settings["database"]

      # Whether a job that is enqueued in a transaction waits for its commit: only where its queue is elsewhere.
      def enqueue_after_commit = :never

      def boot
        ENV["DATABASE_URL"] = "sqlite3:#{@settings.fetch("dir")}/unused.sqlite3"
        application = Class.new(Rails::Application)
        Bench.const_set(:RailsApplication, application)
        settings(application.config)
        configure(application.config)
        application.initialize!
        ActiveJob::Base.enqueue_after_transaction_commit = enqueue_after_commit
      end

      def settings(config)
        config.root = @settings.fetch("dir")
        config.load_defaults 7.2
        config.eager_load = true
        config.logger = Logger.new($stderr, level: Logger::WARN)
        config.log_level = :warn
        config.secret_key_base = "x" * 64
        config.active_job.queue_adapter = adapter
      end

      JOBS = { noop: "NoopJob", record: "VisitJob", stage: "StageJob", sleep: "SleeperJob", watch: "WatchJob" }.freeze

      def job(kind) = Bench.const_get(JOBS.fetch(kind))

      def record(id) = Item.new(id: id) { |item| item.instance_variable_set(:@new_record, false) }
  end
end
