# frozen_string_literal: true

# `plugin :workflow` in config/puma.rb: worker threads in each process that serves requests, for applications that do not want
# a second one to look after. Puma 5 and later.
#
# It hangs on the states of Puma's server alone, which are the same in all versions, in one process and in a cluster: by
# `running` the application is loaded there, preloaded or not, and nothing is forked from there any more; at `stop` and
# `restart` the server takes no more requests; `done` is the last thing before the process ends, and waited for. Nothing of
# the application or of the gem is loaded before that: it would be the master's, and survive a phased restart.
Puma::Plugin.create do
  # @param launcher [Puma::Launcher]
  def start(launcher)
    @log = launcher.respond_to?(:log_writer) ? launcher.log_writer : launcher.events
    return say("runs no steps in Puma, since WORKFLOW_IN_PUMA=#{switch}: another process has to, bin/workflow work.") if %w[0 false no off].include?(switch)
    @drain_s, @requests = drain_s(launcher.options), launcher.options[:max_threads]
    launcher.events.register(:state) { |state| safely { react(state) } }
  end

  private
    def switch = ENV["WORKFLOW_IN_PUMA"]&.strip&.downcase

    # For the steps in hand: less if Puma gives the processes of its cluster less.
    def drain_s(options)
      given = options[:worker_shutdown_timeout] if options[:workers].to_i.positive?
      given ? [ 25, [ given - 5, given / 2.0 ].max ].min : 25
    end

    def react(state)
      case state
      when :running then take_in
      when :stop, :restart then drain(@drain_s, close: state == :restart)
      when :halt then drain(0)
      when :done then @draining&.join
      end
    end

    def take_in
      require "workflow"
      @draining = nil
      @guest = Workflow::Guest.new { |line| @log.log("* #{line}") }.start
      check_pool
    end

    # Requests and steps share the connections of the application's database: too few, and they wait for each other. Of threads for steps
    # there may be twice as many while some hang beyond their `timeout:`.
    def check_pool
      return unless defined?(::ActiveRecord::Base) && @requests
      pool = ::ActiveRecord::Base.connection_pool
      size = pool.respond_to?(:max_connections) ? pool.max_connections : pool.size
      steps = Workflow.configuration.threads * 2
      return if size.nil? || size.negative? || size >= @requests + steps
      say("has #{size} database connections for #{@requests} threads of Puma's and up to #{steps} for steps: set #{pool_key(pool)}: #{@requests + steps} in config/database.yml.")
    end

    # Rails 8.1 has another name for it, and does not boot where both are set and differ.
    def pool_key(pool)
      given = pool.db_config.configuration_hash
      pool.respond_to?(:max_connections) && (given.key?(:max_connections) || !given.key?(:pool)) ? "max_connections" : "pool"
    end

    # Beside the requests that are served to their end. A hot restart keeps the process, so that the log is closed before it.
    def drain(seconds, close: false)
      guest, @guest = @guest, nil
      return unless guest
      @draining = Thread.new do
        safely do
          guest.stop(timeout: seconds)
          Workflow.runtime.stop if close
        end
      end
    end

    # Whatever goes wrong here is no reason for Puma to stop serving.
    def safely
      yield
    rescue StandardError, ScriptError => error
      say("failed in Puma: #{error.class}: #{error.message}")
    end

    def say(text) = @log.log("! workflow #{text}")
end
