# frozen_string_literal: true

require "socket"

# Between an application and its PostgreSQL server: hands on everything, until it is told to lose a COMMIT. Then the
# connection is gone either before the server has got it, or after it has done it and before the application has heard.
class LostCommit
  COMMIT = "COMMIT\0"
  BYTES = 65_536

  # One connection of the application's, and ours to the server for it. It may be followed by the next before it is quite closed.
  class Line
    # @yieldreturn [Symbol, nil] what becomes of this COMMIT: lost :before or :after the server has it
    def initialize(client, server, &losing)
      @client, @server, @losing = client, server, losing
      @threads = [ Thread.new { carry { to_server } }, Thread.new { carry { to_client } } ]
    end

    def cut = @threads.each(&:kill)

    private
      def carry
        loop { yield }
      rescue IOError, SystemCallError
        close
      end

      def to_server
        bytes = @client.readpartial(BYTES)
        moment = @losing.call if bytes.include?(COMMIT)
        return @server.write(bytes) unless moment
        finish(bytes) if moment == :after
        close
        raise IOError, "lost"
      end

      # What the server answers to this is heard by nobody else.
      def finish(bytes)
        @answers = Queue.new
        @server.write(bytes)
        @answers.pop
      end

      def to_client
        bytes = @server.readpartial(BYTES)
        @answers ? @answers << bytes : @client.write(bytes)
      end

      def close = [ @client, @server ].each { |socket| socket.close unless socket.closed? }
  end

  # @return [Integer] on 127.0.0.1
  attr_reader :port

  # @param socket [String] the path of the server's
  def initialize(socket)
    @socket = socket
    @listener = TCPServer.new("127.0.0.1", 0)
    @port = @listener.addr[1]
    @lines = []
    @accepting = Thread.new { accept }
  end

  # @param moment [Symbol] :before or :after the server has it
  # @param unreachable [Boolean] whether nobody gets through from then on
  def lose(moment, unreachable: false) = (@lost, @unreachable = moment, unreachable)

  def reachable = @refusing = false

  def close
    @listener.close
    @accepting.kill
    @lines.each(&:cut)
  end

  private
    def accept
      loop do
        client = @listener.accept
        @refusing ? client.close : @lines << Line.new(client, UNIXSocket.new(@socket)) { take }
      end
    rescue IOError
      nil # closed
    end

    # @return [Symbol, nil] of a COMMIT that is to be lost, once
    def take
      return unless @lost
      @refusing = @unreachable
      @lost.tap { @lost = nil }
    end
end
