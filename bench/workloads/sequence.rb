# frozen_string_literal: true

require_relative "workload"

module Bench
  # (c) Five steps that follow each other; those that have no sequences enqueue the next job from within the job.
  class Sequence < Workload
    COUNTED = "sequences"

    def self.title(_) = "(c) sequences of five steps, drained by 1 process of #{THREADS} threads"
    def self.count(_, fast:, quick:) = quick ? (fast ? 100 : 6) : (fast ? 20_000 : 500)

    def measure = drain(:stage, processes: 1, threads: THREADS, expected: 0...(@count * Contender::STAGES))
  end
end
