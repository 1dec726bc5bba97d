# frozen_string_literal: true

require_relative "rails_contender"

module Bench
  # Solid Queue's worker, in each forked process, without supervisor and dispatcher: nothing is scheduled, and nobody dies.
  class SolidQueueContender < RailsContender
    POLLING_S = 0.1
    SCHEMA = "lib/generators/solid_queue/install/templates/db/queue_schema.rb"

    def self.worker = "its worker, polling each 0.1 s (its default, and its README's example), silenced; finished jobs deleted"

    def versions = [ *super, "solid_queue #{SolidQueue::VERSION}" ]

    def drained? = executions.none?(&:exists?)
    def left = executions.to_h { |model| [ model.table_name, model.count ] }

    def work(threads)
      @worker = SolidQueue::Worker.new(queues: "*", threads: threads, polling_interval: POLLING_S)
      @worker.start
    end

    def quit = @worker.stop

    private
      def executions = [ SolidQueue::ReadyExecution, SolidQueue::ClaimedExecution, SolidQueue::ScheduledExecution, SolidQueue::BlockedExecution ]
      def adapter = :solid_queue
      def load_gem = require("solid_queue")

      def configure(config)
        config.solid_queue.preserve_finished_jobs = false
        config.solid_queue.silence_polling = true
        config.solid_queue.logger = Logger.new($stderr, level: Logger::WARN)
        config.solid_queue.on_thread_error = ->(error) { warn error.full_message(highlight: false) }
      end

      def create_tables = Kernel.load(File.join(Gem.loaded_specs["solid_queue"].full_gem_path, SCHEMA))
  end

  # Everything in one SQLite file.
  class SolidQueueSqlite < SolidQueueContender
    PATIENCE_S = 10

    # As Rails 8 does it: a thread that waits for another's write lets the others go on meanwhile. Rails 7.2 would hold them all up.
    module Patient
      def configure_connection
        given_up = nil
        @raw_connection.busy_handler do |tries|
          given_up = Clock.now + PATIENCE_S if tries.zero?
          Clock.now < given_up && sleep(0.001) && true
        end
        super
      end
    end

    def self.lacks = "a killed worker's jobs are failed, and not run again; synchronous=NORMAL, as Rails sets it: a power failure may lose the last commits"
    def self.configured = "#{worker}; one SQLite file for jobs and records; transactions begin as writers, and who waits lets other threads go on, as in Rails 8"

    private
      def load_gem
        super
        ActiveSupport.on_load(:active_record_sqlite3adapter) { prepend Patient }
        require "sqlite3"
        SQLite3::ForkSafety.suppress_warnings! if defined?(SQLite3::ForkSafety)
      end

      def address
        { adapter: "sqlite3", database: "#{@dir}/application.sqlite3", pool: POOL, default_transaction_mode: :immediate }
      end
  end

  # Jobs and records in one PostgreSQL database.
  class SolidQueuePostgresql < SolidQueueContender
    def self.lacks = "a killed worker's jobs are failed, and not run again"
    def self.configured = "#{worker}; one PostgreSQL database for jobs and records"
  end
end
