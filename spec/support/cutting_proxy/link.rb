# frozen_string_literal: true

require "socket"

class CuttingProxy
  # One connection of a client to a server, and a thread that carries what they say. That thread alone closes it: the kernel would
  # keep a socket open that somebody else waits for.
  class Link
    CHUNK = 64 * 1024
    HEAD_MAX = 64 * 1024
    UPGRADE = /^upgrade:\s*websocket/i

    class Ended < StandardError; end

    def initialize(client, server, patience:, held:)
      @client, @server, @patience, @held = client, server, patience, held
      @lock, @moved = Mutex.new, ConditionVariable.new
      @woken, @wake = IO.pipe
      @open = true
    end

    def start
      @thread = Thread.new { live }
      self
    end

    def open? = @open
    def websocket? = @websocket == true

    # Both sides hear that the other has ended.
    def finish = close(:finish)

    # Both sides hear of an error.
    def reset = close(:reset)

    def stall = @lock.synchronize { @stalled = true }

    def release
      @lock.synchronize do
        @stalled = false
        @moved.broadcast
      end
    end

    private
      def live
        greet
        loop { carry }
      rescue IOError, SystemCallError, Ended
        nil # it ends
      ensure
        @open = false
        [ @client, @server ].each { |socket| hang_up(socket) }
        [ @woken, @wake ].each(&:close)
      end

      # What the client wants first says what kind of connection it is.
      def greet
        head = +""
        until head.include?("\r\n\r\n") || head.bytesize > HEAD_MAX
          readable([ @client ])
          head << @client.readpartial(CHUNK)
        end
        @websocket = head.match?(UPGRADE)
        await_turn if @websocket
        @server.write(head)
      end

      def await_turn
        @lock.synchronize { @stalled ||= @held.call }
        readable([], @patience.call)
        wait_while_stalled
      end

      def carry
        readable([ @client, @server ]).each do |from|
          data = from.readpartial(CHUNK)
          wait_while_stalled
          (from == @client ? @server : @client).write(data)
        end
      end

      # @raise [Ended]
      def readable(sockets, seconds = nil)
        ready = IO.select([ *sockets, @woken ], nil, nil, seconds)&.first.to_a
        ready.include?(@woken) ? raise(Ended) : ready
      end

      def wait_while_stalled = @lock.synchronize { @moved.wait(@lock) while @stalled && @ending.nil? }

      def hang_up(socket)
        socket.setsockopt(Socket::Option.linger(true, 0)) if @ending == :reset
        socket.close
      rescue IOError, SystemCallError
        nil # that side has ended by itself
      end

      def close(how)
        @lock.synchronize do
          return if @ending
          @ending = how
          @moved.broadcast
        end
        @wake.write(".")
        @thread.join
      rescue IOError, SystemCallError
        nil # it has just ended
      end
  end
end
