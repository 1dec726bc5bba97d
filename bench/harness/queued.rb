# frozen_string_literal: true

module Bench
  # What our own measurements share: objects that are started from several threads, and the end of what they have queued.
  module Queued
    class << self
      # @param count [Integer] how often the block is called
      # @param by [Integer] from how many threads
      # @return [void]
      def by_threads(count, by:)
        Array.new(by) { |index| Thread.new { ((count - index - 1) / by + 1).times { yield } } }.each(&:join)
      end

      # Waits for so many more appends than there were. The end of a run of one step is one, and is counted once it is durable.
      # @return [void]
      def until_appended(engine, target)
        position = engine.last_position
        until engine.stats[:appends] >= target
          engine.wait_log(position, 1000)
          position = engine.last_position
        end
      end
    end
  end
end
