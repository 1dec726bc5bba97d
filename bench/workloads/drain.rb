# frozen_string_literal: true

require_relative "workload"

module Bench
  # (a) Jobs that do nothing.
  class Drain < Workload
    def self.title(processes) = "(a) no-op jobs of plain objects, drained by #{processes} #{processes == 1 ? "process" : "processes"} of #{THREADS} threads"
    def self.settings(quick:) = quick ? [ 1, 2 ] : [ 1, 2, 4 ]
    def self.count(_processes, fast:, quick:) = quick ? (fast ? 1000 : 40) : (fast ? 200_000 : 3000)

    def measure = drain(:noop, processes: @setting, threads: THREADS)
  end
end
