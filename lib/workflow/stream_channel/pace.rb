# frozen_string_literal: true

require "concurrent"

module Workflow
  class StreamChannel < ::ActionCable::Channel::Base
    # How often a page is told: the first version at once, others a quarter of a second apart, and always the last. One timer
    # of the process (concurrent-ruby's) serves all streams.
    class Pace
      INTERVAL_S = 0.25

      # @yieldparam version [Integer] to be told now, on a thread of Action Cable's or the timer's
      def initialize(&deliver)
        @deliver = deliver
        @lock = Mutex.new
      end

      # From any thread; returns at once.
      # @param version [Integer]
      # @return [void]
      def tell(version)
        @lock.synchronize do
          return if @stopped || version <= (@told || -1)
          @waiting = [ @waiting || 0, version ].max
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
          version = @lock.synchronize { take }
          return unless version
          @deliver.call(version)
        rescue StandardError => error
          Report.error(error, handled: true)
        ensure
          Concurrent::ScheduledTask.execute(INTERVAL_S) { beat } if version
        end

        # Nothing came in for an interval: the next one goes at once again.
        def take
          @beating = false if @stopped || @waiting.nil?
          return unless @beating
          @told, @waiting = @waiting, nil
          @told
        end
    end
  end
end
