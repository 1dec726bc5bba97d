# frozen_string_literal: true

require "rbconfig"
require_relative "contender"

module Bench
  # What Sidekiq's two ways have in common: the launcher that its own load test (bin/sidekiqload) runs, and where it looks.
  module OnSidekiq
    PROCESSES = "the launcher as in its own load test, log level WARN, concurrency as given, Redis on a socket"
    CONNECTIONS = 520 # at most: one for each thread, also of those that only push

    def connect_redis
      Sidekiq.default_configuration.logger.level = Logger::WARN
      Sidekiq.default_configuration.redis = { path: @settings.fetch("redis").fetch("path"), size: CONNECTIONS }
    end

    # Nothing waits in the queue, to be tried again, or for its time.
    def drained?
      Sidekiq.redis { |redis| redis.call("LLEN", "queue:default") + redis.call("ZCARD", "retry") + redis.call("ZCARD", "schedule") }.zero?
    end

    def load_worker
      require "sidekiq/cli" # by which its parts know that they are in a server
      require "sidekiq/launcher"
    end

    def work(threads)
      config = Sidekiq.default_configuration
      config.concurrency = threads
      config.queues = %w[default]
      @launcher = Sidekiq::Launcher.new(config)
      @launcher.run
    end

    # What is in progress only the process knows: Redis is told every ten seconds.
    def idle? = Sidekiq::Processor::WORK_STATE.size.zero?

    def quit = @launcher.stop

    def syncing = [ Sidekiq.redis { |redis| redis.call("INFO", "server")[/process_id:(\d+)/, 1].to_i } ]
    def sync_mode = Sidekiq.redis { |redis| "appendonly yes, appendfsync #{redis.call("CONFIG", "GET", "appendfsync").to_a.flatten.last}" }
  end

  # Sidekiq with its own jobs.
  class SidekiqNative < Contender
    include OnSidekiq

    def self.lacks = "not durable: a job in a worker that is killed is lost; Redis may lose the last second"
    def self.configured = "#{OnSidekiq::PROCESSES}; bulk pushes of 1,000; the application's records in PostgreSQL"
    def self.fast? = true
    def self.most_threads = 512
    def self.cannot = super.except("j")

    def load
      require "sidekiq"
      require_relative "sidekiq_jobs"
      require_relative "resident_sidekiq"
    end

    def versions = [ "sidekiq #{Sidekiq::VERSION}", "redis-client #{RedisClient::VERSION}" ]

    def load_records = require_relative("../harness/signup_without_log")

    def connect
      connect_redis
      Application.connect(@settings.fetch("database")) if @records
    end

    def prepare
      connect
      Sidekiq.redis { |redis| redis.call("FLUSHALL") }
      Application.prepare if @records
    end

    JOBS = { noop: "SidekiqNoop", record: "SidekiqVisit", stage: "SidekiqStage", sleep: "SidekiqSleeper", watch: "SidekiqWatch",
             resident: "SidekiqResident" }.freeze

    def resident_command(threads)
      [ RbConfig.ruby, Gem.bin_path("sidekiq", "sidekiq"), "-r", File.expand_path("resident_sidekiq.rb", __dir__), "-c", threads.to_s ]
    end

    def resident_environment = { "REDIS_URL" => "unix://#{@settings.fetch("redis").fetch("path")}" }

    # Those of the one who asks are not its.
    def queries_of(_pid)
      before = commands_processed
      yield
      commands_processed - before - 1
    end

    def enqueue(kind, numbers) = job(kind).perform_bulk(numbers.map { |number| arguments(kind, number) })
    def start_one(kind, number) = job(kind).perform_async(*arguments(kind, number))

    # The push is no part of the transaction: it comes after it.
    def sign_up(number) = SidekiqSendLink.perform_async(Signup.sign_up(number).id)
    def activate(number) = SidekiqOnboard.perform_async(Signup.activate(number).id)

    private
      def commands_processed = Sidekiq.redis { |redis| redis.call("INFO", "stats")[/total_commands_processed:(\d+)/, 1].to_i }
      def job(kind) = Bench.const_get(JOBS.fetch(kind))
  end
end
