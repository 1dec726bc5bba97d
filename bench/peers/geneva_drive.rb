# frozen_string_literal: true

require_relative "sidekiq_active_job"

module Bench
  # geneva_drive on Sidekiq, its workflows in the application's database.
  class GenevaDriveContender < SidekiqActiveJob
    TEMPLATES = "lib/generators/geneva_drive/install/templates"
    # In the order of its install generator.
    MIGRATIONS = %w[
      create_workflows_migration create_step_executions_migration add_finished_at_to_step_executions add_error_class_name_to_step_executions
      add_metadata_to_step_executions add_metadata_to_workflows allow_null_hero_on_workflows add_started_at_index_to_step_executions
      add_resumable_step_support add_signals_support
    ].freeze
    SERVES = %w[a c d].freeze

    def self.lacks = "a step whose worker is killed is found by the housekeeping an hour later or more; Redis may lose the last second"
    def self.configured = "its dispatcher :sidekiq, as its generator sets it for Sidekiq, each workflow with a row as its hero; its workflows and the rows in one PostgreSQL database"
    def self.fast? = false
    def self.cannot = Hash.new { |_, workload| "not run: it is a library for steps of workflows" unless SERVES.include?(workload) }
    def self.remarks = { "a" => "each workflow loads the row that is its hero", "d" => "not joined: it has no children, so these are as many workflows of one step" }

    def versions = [ *super, "geneva_drive #{GenevaDrive::VERSION}" ]

    def load
      super
      require_relative "geneva_drive_workflows"
    end

    # It writes to a logger without asking whether there is one.
    def connect
      super
      ActiveRecord::Base.logger = Rails.logger
    end

    # The rows that are the workflows' heroes.
    def lay_out(numbers) = Application.fill(numbers)

    def enqueue(kind, numbers)
      lay_out(numbers)
      start(kind == :stage ? GenevaStages : GenevaNoop, numbers)
    end

    def fan_out(numbers) = start(GenevaNoop, numbers)
    def drained? = super && !GenevaDrive::Workflow.ongoing.exists?
    def sync_mode = "#{super}; its workflows #{Application.sync_mode}"

    private
      def load_gem
        super
        require "geneva_drive"
        GenevaDrive.dispatcher = :sidekiq
      end

      # Its workflows are there in every workload.
      def address = @settings["database"]

      def start(workflow, numbers) = from_callers(numbers) { |number| workflow.create!(hero: record(number + 1)) }

      def create_tables
        folder = File.join(Gem.loaded_specs["geneva_drive"].full_gem_path, TEMPLATES)
        MIGRATIONS.each do |name|
          source = File.read(File.join(folder, "#{name}.rb"))
          Object.class_eval(source)
          Object.const_get(source[/^class (\w+)/, 1]).migrate(:up)
        end
      end
  end
end
