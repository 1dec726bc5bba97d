# frozen_string_literal: true

module Workflow
  # What is at work in a thread of its own as long as the process uses workflows: does something (`work`, which returns how many
  # seconds to wait until the next time) again and again until it is told to stop. {Recovery} and {Mirror::Keeper} are.
  class Background
    # Ends a wait, where one says that it may (`interruptible`), and nothing else.
    class Over < StandardError; end
    private_constant :Over

    # @param name [String] of the thread
    # @param patience_s [Numeric] how long the end of a process waits for what is going on, and then for the thread, which is killed
    def initialize(name, patience_s:)
      @name, @patience_s = name, patience_s
      @lock, @wake = Mutex.new, ConditionVariable.new
      @stopped = false
    end

    # @return [Background] itself, at work
    def start
      @thread = Thread.handle_interrupt(Over => :never) { Thread.new { run } } # which it inherits: it may be told to stop before it has begun
      @thread.name = @name
      self
    end

    # @return [void]
    def stop
      @lock.synchronize do
        @stopped = true
        @wake.broadcast
      end
      return if @thread.nil? || @thread.equal?(Thread.current)
      @thread.raise(Over)
      @thread.join(@patience_s) || @thread.kill.join(@patience_s)
    end

    # @return [Boolean] whether it is at work in this process
    def alive? = !@stopped && !!@thread&.alive?

    private
      def run = (pause(work) until @stopped)

      # @return [Object, nil] what the block returns; nil: it was ended
      def interruptible(&)
        Thread.handle_interrupt(Over => :immediate, &)
      rescue Over
        nil
      end

      def pause(seconds) = @lock.synchronize { @wake.wait(@lock, seconds) unless @stopped }
  end
end
