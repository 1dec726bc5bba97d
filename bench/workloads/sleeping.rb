# frozen_string_literal: true

require_relative "workload"

module Bench
  # (i) Jobs that wait 10 ms for something else, by a process of few or many threads.
  class Sleeping < Workload
    def self.title(threads) = "(i) jobs that sleep 10 ms, drained by 1 process of #{threads} threads"
    def self.settings(quick:) = quick ? [ 5, 50 ] : [ 5, 50, 500 ]
    def self.count(threads, fast:, quick:) = threads * (quick ? (fast ? 20 : 3) : (fast ? 200 : 40))

    def self.unfit(contender, threads)
      "not run: each of #{threads} threads would want a connection of its own" if threads > contender.most_threads
    end

    def measure = drain(:sleep, processes: 1, threads: @setting)
  end
end
