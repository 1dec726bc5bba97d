# frozen_string_literal: true

require "erb"
require_relative "rails_contender"

module Bench
  # GoodJob's capsule, in each forked process.
  class GoodJobContender < RailsContender
    MIGRATION = "lib/generators/good_job/templates/install/migrations/create_good_jobs.rb.erb"
    SELECT_LIMIT = 1000

    def self.lacks = "no lease, no fence: a job whose connection breaks may run twice at once"

    def self.configured
      "a capsule in external mode, LISTEN/NOTIFY on, queue_select_limit #{SELECT_LIMIT} (its README's, and its default), no cron; finished jobs " \
        "deleted; one PostgreSQL database for jobs and records"
    end

    def self.joins? = true
    def self.cannot = super.except("d")

    def versions = [ *super, "good_job #{GoodJob::VERSION}" ]

    def load
      super
      require_relative "good_job_jobs"
    end

    # Its batches: a callback job follows when all jobs of it have ended.
    def fan_out(numbers)
      batch = GoodJob::Batch.new
      numbers.each_slice(SLICE) { |some| batch.add { enqueue(:noop, some) } }
      batch.enqueue(on_finish: JoinJob, count: numbers.size)
    end

    def drained? = !GoodJob::Job.where(finished_at: nil).exists?

    def work(threads)
      @capsule = GoodJob::Capsule.new(configuration: GoodJob::Configuration.new({ queues: "*:#{threads}" }))
      @capsule.start
    end

    def idle? = @capsule.idle?
    def quit = @capsule.shutdown

    private
      def adapter = :good_job
      def load_gem = require("good_job")

      def configure(config)
        config.good_job.execution_mode = :external
        config.good_job.queue_select_limit = SELECT_LIMIT
        config.good_job.preserve_job_records = false
        config.good_job.enable_cron = false
      end

      def create_tables
        Object.class_eval(ERB.new(File.read(File.join(Gem.loaded_specs["good_job"].full_gem_path, MIGRATION))).result(binding))
        CreateGoodJobs.migrate(:up)
      end

      # What the migration's template asks for.
      def migration_version = "[#{ActiveRecord::Migration.current_version}]"
  end
end
