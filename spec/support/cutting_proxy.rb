# frozen_string_literal: true

require "socket"

# Stands between browsers and web servers on loopback, and does to their connections what networks do: ends them, with and without
# a word, and holds up what is sent. Servers take turns, a connection each.
class CuttingProxy
  HOST = "127.0.0.1"

  attr_reader :port

  # @param ports [Array<Integer>] of the servers
  def initialize(ports)
    @ports, @turn, @links, @lock = ports, 0, [], Mutex.new
    @patience, @holds = -> { 0 }, Mutex.new
  end

  def start
    @server = TCPServer.new(HOST, 0)
    @port = @server.addr[1]
    @thread = Thread.new { accept }
    self
  end

  def stop
    @server.close
    @thread.join
    links.each(&:finish)
  end

  # Ends connections.
  # @param how [Symbol] :reset (RST: the other side hears of an error) or :finish (FIN: it hears of an end)
  # @param only [Symbol] :all or :websockets
  # @yieldparam link [Link] says whether it is one of those; without a block all are
  # @return [Integer] how many
  def cut(how: :finish, only: :all, &choice)
    chosen = links.select { |link| (only == :all || link.websocket?) && (choice.nil? || choice.call(link)) }
    chosen.each { |link| link.public_send(how) }.size
  end

  # Nothing gets through any more, and nobody is told, until `release`.
  # @param only [Symbol] :all or :websockets, those of now
  def stall(only: :all) = links.each { |link| link.stall if only == :all || link.websocket? }
  def release = links.each(&:release)

  # Websockets that are opened meanwhile have to wait for the server until the block is over. One block at a time.
  def hold_websockets
    @holds.synchronize do
      @held = true
      yield
    ensure
      @held = false
      release
    end
  end

  # How many seconds a websocket that is opened from now on has to wait for the server; asked once for each.
  def delay_websockets(&seconds) = @patience = seconds

  # @return [Array<Link>] those that are open
  def links = @lock.synchronize { @links.select!(&:open?); @links.dup }
  def websockets = links.select(&:websocket?)

  private
    def accept
      loop do
        link = Link.new(@server.accept, TCPSocket.new(HOST, next_port), patience: -> { @patience.call }, held: -> { @held })
        @lock.synchronize { @links << link }
        link.start
      rescue Errno::ECONNREFUSED, Errno::ECONNRESET
        next # the server is away: so is the connection
      end
    rescue IOError, Errno::EBADF
      nil # stopped
    end

    def next_port = @ports[(@turn += 1) % @ports.size]
end

require_relative "cutting_proxy/link"
