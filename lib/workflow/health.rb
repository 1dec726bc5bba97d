# frozen_string_literal: true

module Workflow
  # Where probes of this process are answered, by a thread of the core that needs no interpreter: GET /live and /ready.
  module Health
    WANTED = "an address and a port such as \"127.0.0.1:7001\" or \"[::1]:7001\" (port 0: a free one), or nil for none"
    ADDRESS = /\A(?:\[(?<six>[0-9a-f:.%]+)\]|(?<four>[\d.]+|localhost)):(?<port>\d{1,5})\z/i

    # Somebody listens there already.
    # @api private
    class Taken < Error; end

    class << self
      # @return [Boolean] whether it is an address to listen on
      def address?(text) = text.is_a?(String) && ADDRESS.match?(text)

      # Answers at the address until the engine stops.
      # @param engine [Native::Engine]
      # @param address [String]
      # @return [String] the address, with the port that it got
      # @raise [Error] when nobody can listen there, for example since another process does
      def serve(engine, address)
        found = ADDRESS.match(address)
        host = (found[:six] || found[:four]).sub(/\Alocalhost\z/i, "127.0.0.1")
        port = engine.health(host, found[:port].to_i)
        "#{found[:six] ? "[#{host}]" : host}:#{port}"
      rescue StoreError, ArgumentError => error
        raise taken?(error) ? Taken : Error, "The health check cannot answer on #{address}: #{error.message}. Free that port, or choose another: " \
          "Workflow.configure { |c| c.health = \"127.0.0.1:7001\" }, workflow work --health 127.0.0.1:7001."
      end

      private
        # As the system says it.
        def taken?(error) = error.message.include?(Errno::EADDRINUSE.new.message)
    end
  end
end
