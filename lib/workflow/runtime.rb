# frozen_string_literal: true

require "monitor"

module Workflow
  # The engine of this process, opened at first use and again after a fork, and what hangs on it: the follower of the
  # log, the recovery of what others left, and the workers. Nothing here is captured before a fork: what the parent had is looked up and found dead.
  class Runtime
    EXIT_S = 2

    # @return [Configuration]
    attr_reader :configuration

    def initialize(configuration)
      @configuration = configuration
      @lock = Monitor.new # what opens the engine asks for it
      @workers, @staff = [], Mutex.new
    end

    # @return [Native::Engine] of this process
    # @raise [StoreError]
    def engine
      engine = @engine
      return engine if engine&.alive? && @pid == Process.pid
      @lock.synchronize { @engine&.alive? && @pid == Process.pid ? @engine : open }
    end

    # @return [Boolean] whether an engine is open in this process
    def open? = @pid == Process.pid && !!@engine&.alive?

    # @return [Follower]
    def follower = @follower || @lock.synchronize { @follower ||= Follower.new(self) }

    # What the application listens to has a thread of its own: pages do not wait for it.
    # @return [Follower]
    def announcer = @announcer || @lock.synchronize { @announcer ||= Follower.new(self, "workflow-announcer") }

    # Answers probes from now on where the configuration says so, and again with each engine that comes.
    # @return [String, nil] where; nil: nowhere
    # @raise [Error] when nobody can listen there
    def answer_probes
      return unless configuration.health
      @lock.synchronize { serve(engine) }
    end

    # Opens the engine of a process that serves pages, for probes, if the configuration says where. The master of a cluster serves none.
    # @return [void]
    def await_probes
      WebServer.await { try_to_answer } if configuration.health && Role.web?
    end

    # The same in what the master of a cluster has forked.
    # @return [void]
    def await_probes_of_worker
      WebServer.await_worker { try_to_answer } if configuration.health && Role.web?
    end

    # Has mirrored columns kept, if an engine is open: else once it is.
    # @return [void]
    def keep_mirrors
      @lock.synchronize { start_keeper if open? }
    end

    # @return [Boolean] whether this process is there to serve pages or steps
    def serving? = @workers.any? || Role.web?

    # Remembers a worker, to be stopped when the process ends. What workers record is published once, however many there are.
    # @param worker [Worker]
    # @return [void]
    # @raise [StoreError]
    def employ(worker)
      engine # first, since a child forgets what its parent had
      @staff.synchronize do
        @workers |= [ worker ]
        @told ||= Instrumentation.follow(self)
      end
    end

    # Once what it recorded last is published.
    # @param worker [Worker]
    # @param seconds [Numeric] that this may take
    # @return [void]
    def dismiss(worker, seconds)
      tell_the_rest(seconds) if @told && open?
      @staff.synchronize do
        @workers -= [ worker ]
        announcer.forget(@told) if @told && @workers.empty?
        @told = nil if @workers.empty?
      end
    end

    # Ends what runs in this process: workers, follower, engine. Used again, it opens anew.
    # @param timeout [Numeric] seconds for steps in hand to end
    # @return [Boolean] whether all ended in time
    def stop(timeout: EXIT_S)
      return true unless @pid == Process.pid
      deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + timeout
      drained = @workers.map { |worker| worker.stop(timeout: timeout) }.all?
      dismiss_followers
      left = [ deadline - Process.clock_gettime(Process::CLOCK_MONOTONIC), 0.1 ].max
      @engine.stop((left * 1000).round) && drained
    end

    private
      # Steps end without waiting for the log: what the last ones have posted is to be in it, and handed over.
      def tell_the_rest(seconds)
        current, deadline = engine, Process.clock_gettime(Process::CLOCK_MONOTONIC) + seconds
        current.flush((seconds * 1000).ceil)
        announcer.catch_up(current.last_position, deadline - Process.clock_gettime(Process::CLOCK_MONOTONIC))
      rescue StoreError
        nil # closed meanwhile, or it cannot be read: then the announcer has said so
      end

      # Before the engine, since what still looked at it would open another.
      def dismiss_followers
        [ @follower, @announcer, @recovery, @keeper ].each { |one| one&.stop }
        @follower = @announcer = @recovery = @keeper = nil
      end

      def open
        @engine = Store.new(configuration).open
        @workers, @announcer, @told = [], nil, nil if @pid && @pid != Process.pid
        at_exit_of(@pid = Process.pid)
        @recovery = Recovery.new(configuration).start if defined?(::ActiveRecord::Base) && !@recovery&.alive?
        start_keeper
        @probed == Process.pid && configuration.health ? try_to_answer : await_probes
        @engine
      end

      def start_keeper
        @keeper = Mirror::Keeper.new(self).start if Mirror.any? && !@keeper&.alive?
      end

      # Once each engine. Pages and steps do without; of a cluster, all workers but one.
      def try_to_answer
        @lock.synchronize do
          current = engine # which may come here itself, and is tried then
          serve(@tried = current) unless @tried.equal?(current)
        end
      rescue Health::Taken => error
        return Report.error(error, handled: true) unless WebServer.worker?
        configuration.logger&.info { "workflow: another process answers probes on #{configuration.health}: this one does without." }
      rescue Error => error
        Report.error(error, handled: true)
      end

      def serve(engine)
        return @address if @served.equal?(engine)
        @address = Health.serve(engine, configuration.health)
        @served, @probed = engine, Process.pid
        @address
      end

      def at_exit_of(pid)
        return if @registered == pid
        @registered = pid
        at_exit { stop if Process.pid == pid }
      end
  end
end
