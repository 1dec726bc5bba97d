# frozen_string_literal: true

require_relative "configuration/secrecy"
require_relative "places"
require_relative "health"

module Workflow
  # What can be set, with its defaults, checked when it is set. Two can live in one process; `Workflow.configure`
  # yields the one in use.
  class Configuration
    include Secrecy

    TRANSPORTS = %i[native].freeze

    # @return [Integer] worker threads of a worker process
    attr_reader :threads
    # @return [Numeric] seconds after which a process that cannot be seen loses its steps
    attr_reader :lease
    # @return [Symbol] how steps reach workers; :native only
    attr_reader :transport
    # @return [String, nil] where the page behind links is, in Rails; nil: the application draws the route `workflow_link` itself
    attr_reader :link_path
    # @return [String, nil] where a web process and a worker answer probes, "127.0.0.1:7001"; nil, the default: nowhere
    attr_reader :health
    # @return [Hash{String=>Array<Symbol>}] the CurrentAttributes that a run takes along from who starts it, by class
    attr_reader :travels
    # @return [String, nil] where the script of live pages is ("/workflow/live" is served as /workflow/live-DIGEST.js); nil: nowhere
    attr_reader :live_path
    # @return [Boolean] whether live regions bring their script; false where the application bundles lib/workflow/live.js itself
    attr_reader :live_script
    # @return [Integer] seconds after which a page that is still open has to ask again whether it may follow a run
    attr_reader :stream_expires_in
    # @return [Integer] how many runs the pages of one cable connection can follow
    attr_reader :streams_per_connection
    # @return [Proc, nil] who looks at a page: called with the controller that renders and with the cable connection that listens
    attr_reader :viewer
    # @!attribute [w] logger
    #   @param logger [Logger, nil] who is told of each transition, in a line; nil: nobody, or Rails.logger in Rails
    #   @example
    #     Workflow.configure { |config| config.logger = Logger.new($stdout) }
    attr_writer :logger
    # @return [Integer] grows when the configuration changes
    attr_reader :generation
    # @return [String] "production": whose part of config/workflow.yml counts
    attr_reader :environment
    # @return [String] the directory that relative paths start from
    attr_reader :root
    # @return [Proc, nil] what worker threads run each step in: Rails' reloader and executor in Rails
    # @api private
    attr_reader :wrapper

    def initialize
      @root = Dir.pwd
      @environment = ENV["WORKFLOW_ENV"] || ENV["RACK_ENV"] || "development"
      @defaults = { store: "sqlite:workflow.sqlite3", logger: nil }
      @threads, @lease, @transport, @generation = 5, 15, :native, 0
      @travels = {}.freeze
      @link_path, @live_path, @live_script = "/workflow/link", "/workflow/live", true
      @stream_expires_in, @streams_per_connection = 86_400, 100
      @file = "config/workflow.yml"
    end

    # Runs the block in the {#wrapper}.
    # @api private
    def wrap(&) = @wrapper ? @wrapper.call(&) : yield

    # Takes the surroundings of a Rails application; what was set stays.
    # @api private
    def adopt(root:, environment:, wrapper:, **defaults)
      @root, @environment, @wrapper, @defaults = root, environment, wrapper, @defaults.merge(defaults)
      reload
    end

    # @return [String] where the log is: "sqlite:storage/production_workflow.sqlite3"
    def store = @store || @defaults[:store]

    # @return [Logger, nil]
    def logger = @logger || @defaults[:logger]

    # @param address [String] where the log is: a file of its own, on a local disk; paths are relative to {#root}
    # @raise [StoreError] of what is no such address
    # @example
    #   Workflow.configure { |config| config.store = "sqlite:storage/production_workflow.sqlite3" }
    def store=(address)
      raise StoreError, "store must be an address such as \"sqlite:storage/x.sqlite3\", not #{address.inspect}." unless
        address.is_a?(String) && !address.strip.empty?
      raise StoreError, "The PostgreSQL store is not built yet. Use \"sqlite:PATH\"." if address.match?(/\Apostgres(ql)?:/)
      scheme = address[/\A[a-z][a-z0-9+.-]+(?=:)/i]
      raise StoreError, "There is no store #{scheme}: (#{address.inspect}). Use \"sqlite:PATH\"." unless scheme.nil? || scheme == "sqlite"
      @store = address
    end

    # @param number [Integer] of steps that a worker process runs at a time, 1 to 512
    # @raise [DefinitionError] of anything else
    # @example
    #   Workflow.configure { |config| config.threads = 10 }
    def threads=(number)
      @threads = checked(:threads, number, Integer, 1..512, "a number from 1 to 512")
    end

    # @param seconds [Numeric] after which a process that cannot be seen any more loses its steps, 1 to 3600
    # @raise [DefinitionError] of anything else
    # @example
    #   Workflow.configure { |config| config.lease = 30 }
    def lease=(seconds)
      @lease = checked(:lease, seconds, Numeric, 1..3600, "seconds from 1 to 3600")
    end

    # @param name [Symbol] :native
    # @raise [DefinitionError] of anything else
    # @example
    #   Workflow.configure { |config| config.transport = :native }
    def transport=(name)
      raise DefinitionError, "The transport #{name.inspect} is not built yet. There is :native." unless TRANSPORTS.include?(name)
      @transport = name
    end

    # @param path [String, nil] that links of `by: :link` lead to; nil: the application draws the route `workflow_link` itself
    # @raise [DefinitionError] of what is no path
    # @example
    #   Workflow.configure { |config| config.link_path = "/go" }
    def link_path=(path)
      @link_path = checked_path(:link_path, path)
    end

    # @param path [String, nil] of the script of live pages, without the digest and .js; nil: it is not served
    # @raise [DefinitionError] of what is no path
    # @example
    #   Workflow.configure { |config| config.live_path = "/assets/workflow-live" }
    def live_path=(path)
      @live_path = checked_path(:live_path, path)
    end

    # @param value [Boolean] whether live regions bring their script
    # @raise [DefinitionError] of anything else
    # @example
    #   Workflow.configure { |config| config.live_script = false } # the application bundles it
    def live_script=(value)
      raise DefinitionError, "live_script must be true or false, not #{value.inspect}." unless [ true, false ].include?(value)
      @live_script = value
    end

    # @param seconds [Numeric, ActiveSupport::Duration] after which a page that is still open asks again whether it may follow; up to a year
    # @raise [DefinitionError] of anything else
    # @example
    #   Workflow.configure { |config| config.stream_expires_in = 12.hours }
    def stream_expires_in=(seconds)
      seconds = seconds.to_i if seconds.respond_to?(:parts)
      @stream_expires_in = checked(:stream_expires_in, seconds, Numeric, 1..31_536_000, "seconds from 1 to a year's").ceil
    end

    # @param number [Integer] of runs that the pages of one cable connection can follow, 1 to 100,000
    # @raise [DefinitionError] of anything else
    # @example
    #   Workflow.configure { |config| config.streams_per_connection = 50 }
    def streams_per_connection=(number)
      @streams_per_connection = checked(:streams_per_connection, number, Integer, 1..100_000, "a number from 1 to 100000")
    end

    # @param callable [#call, nil] who looks: of the controller that renders, and of the cable connection that listens; both must
    #   give the same. nil: nobody is told apart
    # @raise [DefinitionError] of what cannot be called
    # @example
    #   Workflow.configure { |config| config.viewer = ->(who) { who.current_user&.id } }
    def viewer=(callable)
      raise DefinitionError, "viewer must be a proc such as ->(who) { who.current_user&.id }, or nil, not #{callable.inspect}." unless
        callable.nil? || callable.respond_to?(:call)
      @viewer = callable
    end

    # @param address [String, nil] where web processes and workers answer probes; nil: nowhere
    # @raise [DefinitionError] of what is no address and port
    # @example
    #   Workflow.configure { |config| config.health = "127.0.0.1:7001" }
    def health=(address)
      raise DefinitionError, "health must be #{Health::WANTED}, not #{address.inspect}." unless address.nil? || Health.address?(address)
      @health = address
    end

    # Sets which attributes of which CurrentAttributes steps find as they were where their run was started.
    # @param attributes [Hash{String=>Array<Symbol>}] names of classes, and of their attributes
    # @raise [DefinitionError] of anything else
    # @example
    #   Workflow.configure { |c| c.travels = { "Current" => %i[user tenant] } }
    def travels=(attributes)
      @travels = Travel.read(attributes)
    end

    # @return [String] the path of the file with the places of steps
    def file = File.expand_path(@file, root)

    # @param path [String] of the file with the places of steps, relative to {#root}; it is read at once
    # @raise [DefinitionError] of a file that is wrong
    # @example
    #   Workflow.configure { |config| config.file = "config/processes.yml" }
    def file=(path)
      @file = path
      reload
    end

    # @return [Places]
    def places = @places ||= Places.read(file, environment)

    # Reads config/workflow.yml again, for steps that become ready from now on.
    # @return [void]
    # @raise [DefinitionError] of a file that is wrong; what was read before stays
    def reload
      @places = Places.read(file, environment)
      @generation += 1
    end

    # @return [String] the path of the store
    def path = File.expand_path(store.delete_prefix("sqlite:"), root)

    # Short, and without secrets: it gets into messages and consoles.
    def inspect = "#<#{self.class} store=#{store.inspect} threads=#{threads} lease=#{lease} environment=#{environment.inspect}>"

    private
      # Ruby's own error would show the whole configuration.
      def method_missing(name, *)
        settings = public_methods.filter_map { |method| method[/\A[a-z]\w*(?==\z)/] }
        setting = name.to_s.delete_suffix("=")
        raise DefinitionError, "there is no setting #{setting}.#{Suggestion.for(setting, settings)} There are #{settings.sort.join(", ")}."
      end

      # As if there were none: whoever asks first, as flatten and puts do, gets no error.
      def respond_to_missing?(...) = false

      def checked_path(name, path)
        return path if path.nil? || path.is_a?(String) && path.match?(%r{\A(/[\w-]+)+\z})
        raise DefinitionError, "#{name} must be a path such as \"#{public_send(name) || "/workflow"}\", or nil, not #{path.inspect}."
      end

      def checked(name, value, type, range, wanted)
        return value if value.is_a?(type) && range.cover?(value)
        raise DefinitionError, "#{name} must be #{wanted}, not #{value.inspect}."
      end
  end
end
