# frozen_string_literal: true

module Bench
  # The clock that all processes of a machine share and nobody sets.
  module Clock
    # @return [Float] seconds
    def self.now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

    # @return [Float] seconds that the block took
    def self.seconds
      from = now
      yield
      now - from
    end
  end
end
