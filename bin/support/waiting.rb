# frozen_string_literal: true

# Waiting for something to become true, with a deadline. Whoever waits says what for, so that a time-out
# is a sentence.
module Waiting
  class TimedOut < StandardError; end

  INTERVAL = 0.05

  def wait_until(what, within: 30)
    deadline = now + within
    loop do
      result = yield
      return result if result
      raise TimedOut, "Waited #{within} s in vain until #{what}." if now > deadline
      sleep INTERVAL
    end
  end

  private
    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
end
