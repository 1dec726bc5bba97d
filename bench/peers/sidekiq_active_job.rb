# frozen_string_literal: true

require_relative "rails_contender"
require_relative "sidekiq"

module Bench
  # Sidekiq through Active Job.
  class SidekiqActiveJob < RailsContender
    include OnSidekiq

    def self.lacks = "not durable: a job in a worker that is killed is lost; Redis may lose the last second"
    def self.configured = "#{OnSidekiq::PROCESSES}; perform_all_later of 1,000; Rails in production mode, log level warn; records in PostgreSQL"
    def self.fast? = true
    def self.most_threads = 512

    def versions = [ *super, "sidekiq #{Sidekiq::VERSION}" ]

    def connect
      super
      connect_redis
    end

    def prepare
      super
      Sidekiq.redis { |redis| redis.call("FLUSHALL") }
    end

    private
      def adapter = :sidekiq
      def load_gem = require("sidekiq")
      def address = (super if @records)
      def enqueue_after_commit = :always
  end
end
