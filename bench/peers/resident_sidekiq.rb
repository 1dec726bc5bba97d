# frozen_string_literal: true

require "sidekiq"

module Bench
  # What `sidekiq -r` loads: a job that writes its number into a file.
  class SidekiqResident
    include Sidekiq::Job
    def perform(number) = File.write(ENV.fetch("BENCH_RAN"), "#{number}\n", mode: "a")
  end
end
