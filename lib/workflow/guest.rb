# frozen_string_literal: true

module Workflow
  # A worker in a process that is somebody else's, such as a web server's: whatever becomes of it, that process goes on. It
  # is started in a thread of its own; if that fails, the error is reported and it is tried again, later each time. The
  # Puma plugin has one in each process that serves requests.
  class Guest
    DELAY_S = 1
    DELAY_MAX_S = 60
    LOOK_S = 10
    # What a store, an application's code or an unbuilt core raises; not what ends the process.
    FAILURES = [ StandardError, ScriptError, NoMemoryError ].freeze

    # @param threads [Integer, nil] steps at a time; by default the configuration's, as it is when the worker starts
    # @yieldparam line [String] what is worth a line in the host's log
    # @example
    #   guest = Workflow::Guest.new { |line| puts line }.start
    #   guest.stop(timeout: 25)
    def initialize(threads: nil, &told)
      @threads, @told = threads, told || ->(_) { }
      @lock = Mutex.new
      @changed = ConditionVariable.new
      @failures = 0
    end

    # Returns at once; the worker is there a moment later.
    # @return [Guest] itself
    def start
      @keeper = Thread.new { keep }
      @keeper.name = "workflow-keeper"
      self
    end

    # @return [Boolean] whether it takes steps
    def working? = !!@worker&.working?

    # Takes no more steps, and waits for those in hand. What is not done by then is run again elsewhere.
    # @param timeout [Numeric] seconds
    # @return [Boolean] whether all ended in time
    def stop(timeout: 25)
      @lock.synchronize do
        @stopping = true
        @changed.broadcast
      end
      @keeper&.join(timeout)
      return true unless @worker
      say "takes no more steps here, and waits up to #{timeout} s for those in hand."
      drained = @worker.stop(timeout: timeout)
      say "#{timeout} s were not enough for the steps in hand: they will be run again." unless drained
      drained
    end

    private
      def keep
        (begin_work ? watch : delay) until @stopping
      end

      # Takes over a worker only when it is at work: what half of one leaves is put away.
      # @return [Boolean] whether it is
      def begin_work
        worker = Worker.new(**{ threads: @threads }.compact)
        @worker = worker.start
        say "works in this process (pid #{Process.pid}) with #{@threads || Workflow.configuration.threads} threads, on #{Workflow.configuration.store}."
        true
      rescue *FAILURES => error
        dismiss(worker)
        Report.error(error, handled: true)
        failed(Report.text(error))
      end

      def watch
        while @worker.working?
          wait(LOOK_S)
          return if @stopping
          @failures = 0 if @worker.working?
        end
        dismiss(@worker)
        failed("its threads have ended")
        delay
      end

      # @return [Boolean] false
      def failed(reason)
        @worker = nil
        @failures += 1
        say "does not work in this process (pid #{Process.pid}), which goes on without it: #{reason} (the next attempt: in #{delay_s} s)"
        false
      end

      def dismiss(worker)
        worker&.stop(timeout: 0)
      rescue *FAILURES
        nil # what could not begin cannot end either; why is reported already
      end

      def delay = wait(delay_s)
      def delay_s = [ DELAY_S * 2**(@failures - 1), DELAY_MAX_S ].min

      def wait(seconds)
        @lock.synchronize { @changed.wait(@lock, seconds) unless @stopping }
      end

      def say(line)
        @told.call("workflow #{VERSION} #{line}")
      rescue *FAILURES
        nil # a log that cannot be written to is no reason to stop
      end
  end
end
