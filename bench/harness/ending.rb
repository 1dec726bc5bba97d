# frozen_string_literal: true

module Bench
  # The end of a process that a workload has started.
  module Ending
    # Tells it to stop, and waits for it. One that is gone already is no fault.
    # @param pid [Integer]
    # @return [void]
    def self.of(pid)
      Process.kill("TERM", pid)
      Process.wait(pid)
    rescue Errno::ESRCH, Errno::ECHILD
      nil
    end
  end
end
