# frozen_string_literal: true

require "socket"
require_relative "cutting_proxy"
require_relative "../../bin/support/waiting"

RSpec.describe CuttingProxy do
  include Waiting

  # Answers each line with its own name and the line.
  class Echo
    attr_reader :port

    def initialize(name)
      @server = TCPServer.new("127.0.0.1", 0)
      @port = @server.addr[1]
      @threads = []
      @thread = Thread.new { loop { serve(@server.accept, name) } }
      @thread.report_on_exception = false
    end

    def stop
      @server.close
      [ @thread, *@threads ].each(&:kill)
    end

    private
      def serve(socket, name)
        @threads << Thread.new do
          while (line = socket.gets)
            socket.write("#{name} #{line}") unless line == "\r\n"
          end
        rescue SystemCallError, IOError
          nil # cut
        ensure
          socket.close
        end
      end
  end

  before do
    @echoes = %w[a b].map { |name| Echo.new(name) }
    @proxy = described_class.new(@echoes.map(&:port)).start
    @clients = []
  end

  after do
    @clients.each(&:close)
    @proxy.stop
    @echoes.each(&:stop)
  end

  def client(websocket: false)
    socket = TCPSocket.new("127.0.0.1", @proxy.port).tap { |opened| @clients << opened }
    socket.write("hello\r\n#{"Upgrade: WebSocket\r\n" if websocket}\r\n")
    socket
  end

  def heard(socket) = socket.gets(chomp: true)&.chomp("\r")

  it "lets the servers take turns" do
    expect(Array.new(4) { heard(client)[0] }.tally).to eq "a" => 2, "b" => 2
  end

  it "ends connections with an end or with an error" do
    ended, broken = Array.new(2) { client.tap { |socket| heard(socket) } }
    first = @proxy.links.first
    expect(@proxy.cut(how: :finish) { |link| link == first }).to eq 1
    expect(ended.read).to eq ""
    expect(@proxy.cut(how: :reset)).to eq 1
    expect { broken.read }.to raise_error Errno::ECONNRESET
    expect(@proxy.links).to be_empty
  end

  it "ends websockets alone, and new connections are taken afterwards" do
    plain, socket = client, client(websocket: true)
    [ plain, socket ].each { |one| heard(one) }
    expect(heard(socket)).to match(/Upgrade/)
    expect(@proxy.cut(only: :websockets)).to eq 1
    expect(socket.read).to eq ""
    plain.write("still here\n")
    expect(heard(plain)).to match(/\A[ab] still here\z/)
    expect(heard(client)).to match(/hello/)
  end

  it "holds up what is sent, and lets it go" do
    held, free = client(websocket: true), client
    heard(held) && heard(held) && heard(free)
    @proxy.stall(only: :websockets)
    held.write("late\n")
    free.write("at once\n")
    expect(heard(free)).to match(/at once/)
    expect(held.wait_readable(0)).to be_nil
    @proxy.release
    expect(heard(held)).to match(/late/)
  end

  it "lets websockets wait for the server, and not other connections" do
    @proxy.delay_websockets { 3600 }
    waiting = client(websocket: true)
    expect(heard(client)).to match(/hello/)
    wait_until("it is known as a websocket") { @proxy.websockets.any? }
    expect(waiting.wait_readable(0)).to be_nil
    expect(@proxy.cut(only: :websockets)).to eq 1
    expect(waiting.read).to eq ""
  end

  it "makes websockets wait until something is done, and others not" do
    waiting = nil
    @proxy.hold_websockets do
      waiting = client(websocket: true)
      expect(heard(client)).to match(/hello/)
      wait_until("it is known as a websocket") { @proxy.websockets.any? }
      expect(waiting.wait_readable(0.1)).to be_nil
    end
    expect(heard(waiting)).to match(/hello/)
    expect(heard(client(websocket: true))).to match(/hello/)
  end

  it "is gone when it is stopped, and its connections with it" do
    socket = client
    heard(socket)
    port = @proxy.port
    @proxy.stop
    expect(socket.read).to eq ""
    expect { TCPSocket.new("127.0.0.1", port) }.to raise_error Errno::ECONNREFUSED
    @proxy = described_class.new([ 1 ]).start
  end
end
