# frozen_string_literal: true

module Workflow
  # Threads that take steps and run them: in a process of their own, or inside any other. Each holds one step at a
  # time and gives back what it holds however it ends; one that is killed is replaced.
  class Worker
    TAKE_MS = 10_000
    PAUSE_S = 1
    KILLED_S = 1

    # @param threads [Integer] steps at a time
    # @param queues [nil] not built yet
    # @raise [ArgumentError]
    # @example
    #   worker = Workflow::Worker.new(threads: 5).start
    #   worker.stop(timeout: 25)
    def initialize(threads: Workflow.configuration.threads, queues: nil)
      raise ArgumentError, "queues: is not built yet" if queues
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
      @listener = Instrumentation.follow(@runtime)
      claiming
      @runtime.employ(self)
      1.upto(@count) { |number| hire(number) }
      self
    end

    # Takes no more steps; those in hand go on.
    # @return [void]
    def quiet
      @lock.synchronize do
        @quiet = true
        @paused.broadcast
      end
      @runtime.engine.quiet if @runtime.open?
    end

    # Takes no more steps and waits for those in hand. What is not done by then is given back and run again.
    # @param timeout [Numeric] seconds
    # @return [Boolean] whether all ended in time
    def stop(timeout: 25)
      quiet
      deadline = now + timeout
      threads = @threads.values
      threads.each { |thread| thread.join([ deadline - now, 0 ].max) }
      left = threads.select(&:alive?).each(&:kill).each { |thread| thread.join(KILLED_S) }
      @runtime.follower.forget(@listener) if @listener
      @runtime.dismiss(self)
      left.empty?
    end

    # @return [Boolean] whether it takes steps
    def working? = !@quiet && @threads.each_value.any?(&:alive?)

    private
      def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

      def hire(number)
        @lock.synchronize do
          return if @quiet
          @threads[number] = Thread.new { employ(number) }
          @threads[number].name = "workflow-worker-#{number}"
        end
      rescue ThreadError
        raise unless @threads.any? # the process is ending
      end

      def employ(number)
        Role.work
        serve until @quiet
      ensure
        hire(number)
      end

      # Takes and runs until told to be quiet, or the store fails.
      def serve
        hand = claiming.hand
        while (row = hand.take(TAKE_MS)) || !@quiet
          perform(hand, row) if row
        end
      rescue StandardError => error
        Report.error(error, handled: true)
        pause
      ensure
        hand&.give_back
      end

      def perform(hand, row)
        @runtime.configuration.wrapper.call { Execution.new(hand, Work.of(row)).perform(wait: false) }
      ensure
        hand.give_back
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
