# frozen_string_literal: true

module Workflow
  # One thread of a process that reads the log as it grows and hands each event to who asked for it: to pages their
  # run's, to notifications all, from a thread of their own. Started at first use, again after a fork, and when the engine is replaced it goes on
  # with the new one. A listener that fails is reported and never stops it. If one ends the thread all the same (`exit`, say), the
  # next one that comes has it go on from where it was.
  class Follower
    BATCH = 500
    WAIT_MS = 10_000
    PAUSE_S = 1
    LOOK_S = 0.1

    # Who listens to which run, to all runs when `run_id` is nil; and, where the thread goes on from earlier, since when.
    Listener = Struct.new(:run_id, :block, :since)

    # @param name [String] of the thread
    def initialize(runtime, name = "workflow-follower")
      @runtime, @name = runtime, name
      @lock = Mutex.new
      @woken, @passed = ConditionVariable.new, ConditionVariable.new
      @listeners = Hash.new { |listeners, run_id| listeners[run_id] = [] }
    end

    # Hands over every event recorded after this call. Blocks of many runs share the thread: be brief.
    # @param run_id [String, nil] nil: of all runs
    # @yieldparam event [Event]
    # @return [Listener] for {#forget}
    # @example
    #   listener = Workflow.follower.listen(run.id) { |event| puts event.kind }
    def listen(run_id = nil, &block)
      listener = Listener.new(run_id, block)
      @lock.synchronize do
        listener.since = start unless @thread&.alive?
        @listeners[run_id] += [ listener ]
      end
      listener
    end

    # @param listener [Listener, nil]
    # @return [void]
    def forget(listener)
      return unless listener
      @lock.synchronize do
        @listeners[listener.run_id] = @listeners[listener.run_id].reject { |other| other.equal?(listener) }
        @listeners.delete(listener.run_id) if @listeners[listener.run_id].empty?
      end
    end

    # Waits until all up to there is handed over, or time is up.
    # @param position [Integer] of the log
    # @param timeout [Numeric] seconds
    # @return [void]
    def catch_up(position, timeout)
      deadline = now + timeout
      @lock.synchronize { @passed.wait(@lock, LOOK_S) while follows? && @position < position && now < deadline }
    end

    # Lets the thread end.
    # @return [void]
    def stop
      @lock.synchronize do
        @stopping = true
        @woken.broadcast
      end
    end

    private
      def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

      # Whether a thread is on its way that can be waited for: its own listener would do so in vain.
      def follows? = @thread&.alive? && !@thread.equal?(Thread.current) && !@stopping

      # @return [Integer, nil] the log's last position, where the thread goes on from an earlier one
      def start
        last = @runtime.engine.last_position
        behind = @pid == Process.pid && !@stopping && @position < last
        @position = last unless behind
        @pid, @stopping = Process.pid, false
        @thread = Thread.new { follow }
        @thread.name = @name
        last if behind
      end

      def follow
        read_on until @stopping
      end

      def read_on
        return unless (engine = engine_to_follow)&.wait_log(@position, WAIT_MS)
        until @stopping || (rows = engine.log(@position, BATCH)).empty?
          rows.each do |row|
            hand_over(Event.new(row))
            @position = row.first
          end
        end
        passed unless @stopping
      rescue *Execution::FAILURES => error
        pause(error) unless @stopping
      end

      # All that an append wrote is handed over, whose positions end where {Native::Engine#last_position} is.
      def passed
        @lock.synchronize do
          @position |= 255
          @passed.broadcast
        end
      end

      # None is opened once this is to stop: it would be left behind.
      def engine_to_follow = @lock.synchronize { @runtime.engine unless @stopping }

      def hand_over(event)
        listeners = @lock.synchronize { @listeners.fetch(event.run_id, []) + @listeners.fetch(nil, []) }
        listeners.each { |listener| tell(listener, event) unless listener.since&.>= event.position }
      end

      def tell(listener, event)
        listener.block.call(event)
      rescue *Execution::FAILURES => error
        Report.error(error, handled: true, context: { run_id: event.run_id, kind: event.kind })
      end

      def pause(error)
        Report.error(error, handled: true, context: { position: @position })
        @lock.synchronize { @woken.wait(@lock, PAUSE_S) unless @stopping }
      end
  end
end
