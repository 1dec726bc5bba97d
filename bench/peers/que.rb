# frozen_string_literal: true

require_relative "contender"

module Bench
  # Que on Active Record's connections, without Rails and without Active Job.
  class QueContender < Contender
    BUFFER = 200

    def self.lacks = "no lease, no fence: a job whose connection breaks may run twice at once"

    def self.configured
      "its locker with workers of any priority, LISTEN and polling as they come, a buffer of #{BUFFER} jobs (its default is 8, a look at which each " \
        "50 ms bounds what it does; its documentation gives no advice for throughput, and this is faster); bulk_enqueue; " \
        "jobs deleted when done; one PostgreSQL database for jobs and records"
    end

    def load
      require "que"
      require_relative "../harness/signup_without_log"
      require_relative "que_jobs"
    end

    def versions = [ "que #{Gem.loaded_specs["que"].version}", "activerecord #{ActiveRecord.version}" ]

    def connect
      Application.connect(@settings.fetch("database"))
      Que.connection = ActiveRecord
    end

    def prepare
      connect
      Application.prepare { Que.migrate!(version: Que::Migrations::CURRENT_VERSION) }
    end

    SLICE = 1000
    JOBS = { noop: "QueNoop", record: "QueVisit", stage: "QueStage", sleep: "QueSleeper", watch: "QueWatch" }.freeze

    def enqueue(kind, numbers)
      numbers.each_slice(SLICE) { |some| Que.bulk_enqueue { some.each { |number| start_one(kind, number) } } }
    end

    def start_one(kind, number) = job(kind).enqueue(*arguments(kind, number))
    def sign_up(number) = Signup.sign_up(number) { |signup| QueSendLink.enqueue(signup.id) }
    def activate(number) = Signup.activate(number) { |signup| QueOnboard.enqueue(signup.id) }

    # A job's row is there until it is done, or has failed for good.
    def drained? = ActiveRecord::Base.connection.select_value("SELECT 1 FROM que_jobs WHERE finished_at IS NULL AND expired_at IS NULL LIMIT 1").nil?

    def work(threads) = @locker = Que::Locker.new(worker_priorities: [ nil ] * threads, maximum_buffer_size: BUFFER)
    def quit = @locker.stop!
    def sync_mode = Application.sync_mode
    def syncing = Application.syncing

    private
      def job(kind) = Bench.const_get(JOBS.fetch(kind))
  end
end
