# frozen_string_literal: true

module Workflow
  # Opens the engine on the configured store: loads the core, hands it the sqlite3 gem's own copy of SQLite (two
  # copies on one file would lose its locks), and refuses a file that the application itself has open.
  class Store
    LOADING = Mutex.new

    # Loads the core and gives it its SQLite; once a process.
    # @raise [StoreError] saying what to install
    def self.load_core
      LOADING.synchronize { @core ||= new_core }
    end

    def self.new_core
      require "workflow/workflow"
      Native.sqlite_api = sqlite_api
      Native
    rescue LoadError => error
      raise StoreError, "The core of workflow is not compiled (#{error.message}). With `path:` in the Gemfile run bin/setup in the gem's " \
        "folder; with `git:` run `bundle pristine workflow`."
    end

    def self.sqlite_api
      require "sqlite3"
      database = SQLite3::Database.new(":memory:")
      raise StoreError, no_extensions("it was built without them") unless database.respond_to?(:enable_load_extension)
      database.enable_load_extension(true)
      database.load_extension(Native.library_path)
      database.get_first_value("SELECT workflow_sqlite_api()")
    rescue SQLite3::Exception => error
      raise StoreError, no_extensions(error.message)
    ensure
      database&.close
    end

    def self.no_extensions(why)
      "The SQLite of the sqlite3 gem cannot load extensions: #{why}. Use the precompiled sqlite3 gem, which can: " \
        "remove force_ruby_platform and --enable-system-libraries, then bundle install."
    end
    private_class_method :new_core, :sqlite_api, :no_extensions

    # The log itself, what SQLite keeps beside it, and how processes find each other.
    FILES = [ "", "-wal", "-shm", "-shared" ].freeze

    # Begins the log anew: all runs are gone. A process that has it open is told so when it next writes or reads, and has to be started again.
    # @param out [IO] where it says what it did
    # @return [void]
    # @raise [StoreError] in production, unless DISABLE_DATABASE_ENVIRONMENT_CHECK says that this is meant
    def self.reset(out)
      configuration = Workflow.configuration
      if configuration.environment == "production" && !ENV["DISABLE_DATABASE_ENVIRONMENT_CHECK"]
        raise StoreError, "The log #{configuration.path} is production's: all its runs would be gone. If that is meant, set DISABLE_DATABASE_ENVIRONMENT_CHECK=1."
      end
      Workflow.runtime.stop
      removed = FILES.map { |suffix| "#{configuration.path}#{suffix}" }.select { |file| File.exist?(file) }.each { |file| File.delete(file) }
      out.puts removed.any? ? "workflow: removed the log #{configuration.path}, with all runs. Start processes that use it again." : "workflow: there is no log at #{configuration.path}."
    end

    def initialize(configuration)
      @configuration = configuration
    end

    # @return [Native::Engine]
    # @raise [StoreError] with the path and what is wrong with it
    def open
      path = @configuration.path
      refuse_shared(path)
      Store.load_core
      lease_ms = (@configuration.lease * 1000).round
      Thread.handle_interrupt(Object => :on_blocking) { Native::Engine.new(path, lease_ms, Role.host) }
    end

    private
      def refuse_shared(path)
        return unless application_paths.any? { |other| same?(other, path) }
        raise StoreError, "#{path} is a database of the application. The log needs a file of its own: " \
          "Workflow.configure { |c| c.store = \"sqlite:storage/workflow.sqlite3\" }."
      end

      def same?(one, other)
        one == other || (File.exist?(one) && File.exist?(other) && File.identical?(one, other))
      end

      def application_paths
        return [] unless defined?(::ActiveRecord::Base)
        configured = ::ActiveRecord::Base.configurations.configs_for(env_name: @configuration.environment)
        connected = ::ActiveRecord::Base.connection_handler.connection_pool_list(:all).map(&:db_config)
        (configured + connected).select { |config| config.adapter.to_s.start_with?("sqlite") }
          .filter_map { |config| config.database&.to_s }.reject { |name| name == ":memory:" }
          .map { |name| File.expand_path(name.delete_prefix("file:").sub(/\?.*/, ""), @configuration.root) }
      end
  end
end
