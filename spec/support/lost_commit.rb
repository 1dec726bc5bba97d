# frozen_string_literal: true

require "socket"

# Between an application and its PostgreSQL server: hands on everything, until it is told to lose a COMMIT. Then the
# connection is gone either before the server has got it, or after it has done it and before the application has heard.
class LostCommit
  COMMIT = "COMMIT\0"

  # @return [Integer] on 127.0.0.1
  attr_reader :port

  # @param socket [String] the path of the server's
  def initialize(socket)
    @socket = socket
    @listener = TCPServer.new("127.0.0.1", 0)
    @port = @listener.addr[1]
    @threads = [ Thread.new { accept } ]
  end

  # @param moment [Symbol] :before or :after the server has it
  # @param unreachable [Boolean] whether nobody gets through from then on
  def lose(moment, unreachable: false) = (@lost, @unreachable = moment, unreachable)

  def reachable = @refusing = false

  def close
    @listener.close
    @threads.each(&:kill)
  end

  private
    def accept
      loop { (client = @listener.accept) && (@refusing ? client.close : serve(client)) }
    rescue IOError
      nil # closed
    end

    def serve(client)
      server = UNIXSocket.new(@socket)
      @threads << Thread.new { to_server(client, server) } << Thread.new { copy(server, client) }
    end

    def to_server(client, server)
      while (bytes = client.readpartial(65_536))
        return lose_it(client, server, bytes) if @lost && bytes.include?(COMMIT)
        server.write(bytes)
      end
    rescue IOError, SystemCallError
      close_both(client, server)
    end

    def copy(server, client)
      loop do
        bytes = server.readpartial(65_536)
        @deaf ? @done << bytes : client.write(bytes)
      end
    rescue IOError, SystemCallError
      close_both(client, server)
    end

    def lose_it(client, server, bytes)
      moment, @lost = @lost, nil
      @done, @deaf = Queue.new, true
      @refusing = @unreachable
      if moment == :after
        server.write(bytes)
        @done.pop
      end
      close_both(client, server)
      @deaf = false
    end

    def close_both(*sockets) = sockets.each { |socket| socket.close unless socket.closed? }
end
