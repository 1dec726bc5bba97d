# frozen_string_literal: true

require "concurrent"

module Workflow
  class StreamChannel < ::ActionCable::Channel::Base
    # How often a page is told: the first version at once, others a quarter of a second apart, and always the last. One timer
    # of the process (concurrent-ruby's) serves all streams.
    class Pace
      INTERVAL_S = 0.25

      # @yieldparam version [Integer] to be told now, on a thread of Action Cable's or the timer's
      # @yieldparam mark [String, nil] its event's
      def initialize(&deliver)
        @deliver = deliver
        @lock = Mutex.new
        @beating = true
      end

      # Nothing is delivered before this, once.
      # @return [void]
      def start = executor.post { beat }

      # From any thread; returns at once.
      # @param version [Integer]
      # @param mark [String, nil]
      # @return [void]
      def tell(version, mark = nil)
        @lock.synchronize do
          return if @stopped || version <= (@told || -1)
          @waiting = [ version, mark ] unless @waiting && @waiting.first >= version
          return if @beating
          @beating = true
        end
        executor.post { beat }
      end

      # @return [void]
      def stop = @lock.synchronize { @stopped = true }

      private
        # Action Cable's own threads; Rails 8.2 calls them so.
        def executor = ::ActionCable.server.then { |server| server.respond_to?(:executor) ? server.executor : server.event_loop }

        def beat
          told = @lock.synchronize { take }
          return unless told
          @deliver.call(*told)
        rescue StandardError => error
          Report.error(error, handled: true)
        ensure
          Concurrent::ScheduledTask.execute(INTERVAL_S) { beat } if told
        end

        # Nothing came in for an interval: the next one goes at once again.
        def take
          @beating = false if @stopped || @waiting.nil?
          return unless @beating
          taken, @waiting = @waiting, nil
          @told = taken.first
          taken
        end
    end
  end
end
