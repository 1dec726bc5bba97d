# frozen_string_literal: true

require_relative "workload"

module Bench
  # (b) The same with a row of the application's database, which each job loads.
  class Records < Workload
    def self.title(_) = "(b) jobs that load a record, drained by 1 process of #{THREADS} threads"
    def self.count(_, fast:, quick:) = quick ? (fast ? 500 : 30) : (fast ? 50_000 : 3000)
    def self.records? = true

    def measure = drain(:record, processes: 1, threads: THREADS) { Application.fill(numbers.to_a) }
  end
end
