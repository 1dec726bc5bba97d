# frozen_string_literal: true

require "erb"
require_relative "sidekiq_active_job"

module Bench
  # acidic_job on Active Job and Sidekiq, its runs in the application's database.
  class AcidicJobContender < SidekiqActiveJob
    MIGRATION = "lib/generators/acidic_job/templates/create_acidic_job_runs_migration.rb.erb"
    RETRIED = "not run: its serializable transactions fail beside each other in PostgreSQL, and Sidekiq runs those jobs again after 15 s and more"

    def self.lacks = "not durable: a job in a worker that is killed waits until somebody enqueues it again; Redis may lose the last second"
    def self.configured = "its jobs inherit from AcidicJob::Base, its logger silenced; on Active Job and Sidekiq, as above; its runs and the records in one PostgreSQL database"
    def self.fast? = false
    def self.joins? = true
    def self.cannot
      Hash.new { |_, workload| "not run: it is a library for steps and children of jobs" unless workload == "d" }.merge("c" => RETRIED)
    end

    def versions = [ *super, "acidic_job #{AcidicJob::VERSION}" ]

    def load
      super
      require_relative "acidic_job_jobs"
    end

    def fan_out(numbers) = AcidicParent.perform_later(numbers.size)
    def drained? = super && !AcidicJob::Run.outstanding.exists?

    def sync_mode = "#{super}; its runs #{Application.sync_mode}"

    private
      def load_gem
        super
        require "acidic_job"
        AcidicJob.silence_logger!
      end

      # Its runs are there in every workload.
      def address = @settings["database"]

      def create_tables
        source = File.read(File.join(Gem.loaded_specs["acidic_job"].full_gem_path, MIGRATION))
        names = { migration_class_name: "CreateAcidicJobRuns", migration_version: "[#{ActiveRecord::Migration.current_version}]" }
        Object.class_eval(ERB.new(source).result_with_hash(names))
        CreateAcidicJobRuns.migrate(:up)
      end
  end
end
