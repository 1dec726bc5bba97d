# frozen_string_literal: true

module Workflow
  # Threads that take steps and run them: in a process of their own, or inside any other. Each holds one step at a
  # time and gives back what it holds however it ends; one that is killed is replaced. So is, by the foreman, one that a
  # step keeps beyond its timeout; when it comes back after all, it ends. There are never more than twice as many.
  class Worker
    TAKE_MS = 10_000
    PAUSE_S = 1
    KILLED_S = 1
    TOLD_S = 1

    # @param threads [Integer] steps at a time
    # @param queues [nil] not built yet
    # @raise [ArgumentError]
    # @example
    #   worker = Workflow::Worker.new(threads: 5).start
    #   worker.stop(timeout: 25)
    def initialize(threads: Workflow.configuration.threads, queues: nil)
      raise ArgumentError, "Workflow::Worker.new: queues: is not built yet. Leave it out: each worker takes whatever is ready." if queues
      raise ArgumentError, "threads: must be a number from 1 to 512, not #{threads.inspect}" unless
        threads.is_a?(Integer) && threads.between?(1, 512)
      @runtime = Workflow.runtime
      @lock = Mutex.new
      @paused = ConditionVariable.new
      @count, @threads, @quiet = threads, {}, false
    end

    # @return [Worker] itself, at work
    # @raise [StoreError]
    def start
      @runtime.employ(self)
      claiming
      1.upto(@count) { |number| hire(number) }
      oversee
      self
    end

    # Takes no more steps; those in hand go on.
    # @return [void]
    def quiet
      @lock.synchronize do
        @quiet = true
        @paused.broadcast
      end
      @foreman&.kill
      @runtime.engine.quiet if @runtime.open?
    end

    # Takes no more steps and waits for those in hand. Those that ask (`checkpoint`, `progress`) are given back at once;
    # what is not done by then is given back too, and run again. Returns once notifications tell of all that they recorded: where
    # whoever listens is slow, or the store does not answer, when the time is up, but a second at least is theirs.
    # @param timeout [Numeric] seconds
    # @return [Boolean] whether all ended in time
    def stop(timeout: 25)
      quiet
      @runtime.engine.hurry if @runtime.open?
      deadline = now + timeout
      threads = @threads.values
      threads.each { |thread| thread.join([ deadline - now, 0 ].max) }
      left = threads.select(&:alive?).each(&:kill).each { |thread| thread.join(KILLED_S) }
      @runtime.dismiss(self, [ deadline - now, TOLD_S ].max)
      left.empty?
    end

    # @return [Boolean] whether it takes steps
    def working? = !@quiet && @threads.each_value.any?(&:alive?)

    private
      def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

      def hire(number)
        @lock.synchronize { hire_locked(number) }
      end

      def hire_locked(number)
        return if @quiet
        @threads[number] = Thread.new { employ(number) }
        @threads[number].name = "workflow-worker-#{number}"
      rescue ThreadError
        raise unless @threads.any? # the process is ending
      end

      def employ(number)
        Role.work
        dismissed = false
        dismissed = serve == :surplus until @quiet || dismissed
      ensure
        hire(number) unless dismissed
      end

      # Takes and runs until told to be quiet, or the store fails.
      # @return [Symbol, nil] :surplus: the thread is one too many
      def serve
        hand = claiming.hand
        while (row = hand.take(TAKE_MS)) || !@quiet
          perform(hand, row) if row
          return :surplus if row && surplus?
        end
      rescue StandardError => error
        Report.error(error, handled: true)
        pause
      ensure
        hand&.give_back
      end

      def perform(hand, row)
        @runtime.configuration.wrap { Execution.new(hand, Work.of(row), failures: Execution::FAILURES_OF_WORKERS).perform(wait: false) }
      ensure
        hand.give_back
      end

      # Waits for threads that are written off, and hires others for them.
      def oversee
        @foreman = Thread.new do
          seen = 0
          seen = replace(seen) until @quiet
        end
        @foreman.name = "workflow-foreman"
      end

      # @param seen [Integer] how many were written off when it last looked
      # @return [Integer] how many are
      def replace(seen)
        count = claiming.written_off(seen, TAKE_MS) or pause
        return seen unless count
        warn_of(count) if count > @count && seen <= @count
        @lock.synchronize { [ wanted - @threads.size, 0 ].max.times { hire_locked(free_number) } }
        count
      rescue StandardError => error
        Report.error(error, handled: true)
        pause
        seen
      end

      # How many threads there are to be: who is written off may come back at any moment.
      def wanted = @count + [ @engine.written_off(-1, 0) || 0, @count ].min

      def free_number = (1..2 * @count).find { |number| !@threads.key?(number) }

      def warn_of(count)
        Workflow.configuration.logger&.warn do
          "workflow: #{count} steps run on beyond their timeouts; only #{@count} threads are replaced, so fewer steps are run at a time. " \
            "Call checkpoint in them, or set time limits on what they wait for."
        end
      end

      # Whether a thread that had been replaced is back: one is too many then, and it is this one.
      def surplus?
        return false unless @threads.size > @count
        @lock.synchronize do
          surplus = @threads.size > wanted
          @threads.delete_if { |_, thread| thread.equal?(Thread.current) } if surplus
          surplus
        end
      end

      # The engine, told once that this process claims steps.
      def claiming
        engine = @runtime.engine
        @lock.synchronize do
          engine.work(@count, Role.worker) unless @engine.equal?(engine) || @quiet
          @engine = engine
        end
      end

      def pause = @lock.synchronize { @paused.wait(@lock, PAUSE_S) unless @quiet }
  end
end
