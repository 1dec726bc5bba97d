# frozen_string_literal: true

module Workflow
  # One thread of a process that reads the log as it grows and hands each event to who asked for it: to pages their
  # run's, to notifications all, from a thread of their own. Started by the first listener, and again after a fork; it ends with the last
  # one, as soon as the log grows. When the engine is replaced it goes on with the new one. A listener that fails is reported and never
  # stops it. If one ends the thread all the same (`exit`, say), the next one that comes has it go on from where it was.
  class Follower
    BATCH = 500
    WAIT_MS = 10_000
    PAUSE_S = 1
    LOOK_S = 0.1

    # Who listens to which run, to all runs when `run_id` is nil; and from which position on: the thread may be behind that.
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
      listener = Listener.new(run_id, block, @runtime.engine.last_position)
      @lock.synchronize do
        start(listener.since) unless @thread&.alive?
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

      # Goes on from where the thread was, if others listened meanwhile.
      # @param last [Integer] position of the log
      def start(last)
        behind = @pid == Process.pid && !@stopping && @listeners.any?
        @position = last unless behind && @position < last
        @pid, @stopping = Process.pid, false
        @thread = Thread.new { follow }
        @thread.name = @name
      end

      def follow
        read_on until over?
      end

      # Whether the thread is to end: nobody listens, and whoever comes from now on starts another.
      def over?
        @lock.synchronize do
          @thread = nil if @listeners.empty? && @thread.equal?(Thread.current)
          @stopping || !@thread.equal?(Thread.current)
        end
      end

      def read_on
        return unless (engine = engine_to_follow)&.wait_log(@position, WAIT_MS)
        until over?
          rows = engine.log(@position, BATCH)
          return passed if rows.empty?
          rows.each do |row|
            hand_over(row)
            @position = row.first
          end
        end
      rescue *Execution::FAILURES => error
        pause(error) unless over?
      end

      # All that an append wrote is handed over, whose positions end where {Native::Engine#last_position} is.
      def passed
        @lock.synchronize do
          @position |= Event::PER_APPEND - 1
          @passed.broadcast
        end
      end

      # None is opened once this is to stop: it would be left behind.
      def engine_to_follow = @lock.synchronize { @runtime.engine unless @stopping }

      # Of most runs nobody wants to know: they cost no object.
      def hand_over(row)
        position, run_id = row
        listeners = @lock.synchronize { @listeners.fetch(run_id, []) + @listeners.fetch(nil, []) }
        listeners = listeners.select { |listener| listener.since < position }
        return if listeners.empty?
        event = Event.new(row)
        listeners.each { |listener| tell(listener, event) }
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
