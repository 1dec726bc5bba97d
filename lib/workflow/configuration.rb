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
    # @return [Logger, nil]
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

    def logger = @logger || @defaults[:logger]

    def store=(address)
      raise StoreError, "store must be an address such as \"sqlite:storage/x.sqlite3\", not #{address.inspect}." unless
        address.is_a?(String) && !address.strip.empty?
      raise StoreError, "The PostgreSQL store is not built yet. Use \"sqlite:PATH\"." if address.match?(/\Apostgres(ql)?:/)
      scheme = address[/\A[a-z][a-z0-9+.-]+(?=:)/i]
      raise StoreError, "There is no store #{scheme}: (#{address.inspect}). Use \"sqlite:PATH\"." unless scheme.nil? || scheme == "sqlite"
      @store = address
    end

    def threads=(number)
      @threads = checked(:threads, number, Integer, 1..512, "a number from 1 to 512")
    end

    def lease=(seconds)
      @lease = checked(:lease, seconds, Numeric, 1..3600, "seconds from 1 to 3600")
    end

    def transport=(name)
      raise DefinitionError, "The transport #{name.inspect} is not built yet. There is :native." unless TRANSPORTS.include?(name)
      @transport = name
    end

    def link_path=(path)
      @link_path = checked_path(:link_path, path)
    end

    def live_path=(path)
      @live_path = checked_path(:live_path, path)
    end

    def live_script=(value)
      raise DefinitionError, "live_script must be true or false, not #{value.inspect}." unless [ true, false ].include?(value)
      @live_script = value
    end

    def stream_expires_in=(seconds)
      seconds = seconds.to_i if seconds.respond_to?(:parts)
      @stream_expires_in = checked(:stream_expires_in, seconds, Numeric, 1..31_536_000, "seconds from 1 to a year's").ceil
    end

    def streams_per_connection=(number)
      @streams_per_connection = checked(:streams_per_connection, number, Integer, 1..100_000, "a number from 1 to 100000")
    end

    def viewer=(callable)
      raise DefinitionError, "viewer must be a proc such as ->(who) { who.current_user&.id }, or nil, not #{callable.inspect}." unless
        callable.nil? || callable.respond_to?(:call)
      @viewer = callable
    end

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

    private
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
