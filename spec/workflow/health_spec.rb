# frozen_string_literal: true

require "json"
require "net/http"
require_relative "../support/children"

# /live and /ready of processes, asked by others. What the core says of itself and what comes in over the socket is in spec/core/health_test.c.
RSpec.describe Workflow::Health do
  include Waiting

  def ask(address, path)
    response = Net::HTTP.get_response(URI("http://#{address}#{path}"))
    [ response.code.to_i, JSON.parse(response.body, symbolize_names: true) ]
  end

  def status(address, path) = ask(address, path).first

  it "is off unless it is asked for" do
    Workflow.engine
    expect(Workflow.configuration.health).to be_nil
    expect(Workflow.runtime.answer_probes).to be_nil
  end

  it "takes addresses with ports, and nothing else" do
    configuration = Workflow::Configuration.new
    [ "127.0.0.1:7001", "0.0.0.0:1", "[::1]:7001", "localhost:0", nil ].each { |address| configuration.health = address }
    [ "7001", 7001, "example.com:80", "127.0.0.1", ":7001", "::1:7001", "127.0.0.1:7001/live", "127.0.0.1:700100" ].each do |address|
      expect { configuration.health = address }.to raise_error(Workflow::DefinitionError, /health must be an address and a port such as "127.0.0.1:7001"/)
    end
  end

  context "with an address" do
    before { Workflow.configure { |c| c.health = "127.0.0.1:0" } }
    after { Workflow.configure { |c| c.health = nil } }

    it "says how the process stands, from the start of the engine to its end" do
      address = Workflow.runtime.answer_probes
      expect(address).to match(/\A127\.0\.0\.1:\d+\z/)
      expect(Workflow.runtime.answer_probes).to eq address
      expect(ask(address, "/live")).to match [ 200, hash_including(live: true, why: nil, pid: Process.pid, in_hand: 0) ]

      worker = work(threads: 3)
      expect(ask(address, "/ready")).to match [ 200, hash_including(ready: true, threads: 3) ]
      worker.quiet
      expect(ask(address, "/ready")).to match [ 503, hash_including(ready: false, why: "it stops: it takes no more steps") ]
      expect(status(address, "/live")).to eq 200
      Workflow.runtime.stop
      expect { status(address, "/live") }.to raise_error(Errno::ECONNREFUSED)
    end

    it "answers again when the engine is opened anew" do
      Workflow.runtime.answer_probes
      Workflow.runtime.stop
      Workflow.engine

      expect(status(Workflow.runtime.answer_probes, "/ready")).to eq 200
    end

    it "says in the end that the store cannot be reached while another has its lock, and that it can when that one is gone" do
      address = Workflow.runtime.answer_probes
      locker = SQLite3::Database.new(Workflow.configuration.path).tap { |database| database.busy_timeout = 5_000 }
      locker.execute("BEGIN IMMEDIATE")
      eventually("it is not ready", within: 30) { ask(address, "/ready") in [ 503, { why: /the store cannot be reached, or another process has its lock/ } ] }
      expect(status(address, "/live")).to eq 200
      locker.execute("ROLLBACK")

      eventually("it is ready again", within: 30) { status(address, "/ready") == 200 }
    ensure
      locker&.close
    end
  end

  context "when somebody else has the port" do
    let(:taken) { TCPServer.new("127.0.0.1", 0) }
    let(:address) { "127.0.0.1:#{taken.addr[1]}" }
    let(:log) { StringIO.new }

    before { Workflow.configure { |c| c.health = address; c.logger = Logger.new(log) } }
    after { Workflow.configure { |c| c.health = c.logger = nil } and taken.close }

    it "does not begin to work" do
      File.write("#{@directory}/nothing.rb", "")
      errors = StringIO.new
      command = Workflow::Command.new([ "work", "-r", "#{@directory}/nothing.rb" ], out: StringIO.new, err: errors)

      expect(command.run).to eq 1
      expect(errors.string).to match(/workflow: The health check cannot answer on #{address}: .*Address already in use.* choose another/)
    end

    it "serves pages all the same, and reports it" do
      stub_const("Rails::Server", Module.new) # this process is a web process
      Workflow.runtime.await_probes

      expect(Workflow.engine).to be_alive
      expect(log.string.scan("cannot answer on #{address}").size).to eq 1
    end
  end

  describe "of another process", :processes do
    # Each operation on numbers of this size keeps the interpreter for a long time.
    let(:hog) do
      Class.new do
        include Workflow
        def self.name = "Hog"
        def call(out) = File.write(out, "begun") && loop { (7**3_000_000).to_s.to_i }
        def pause(out) = File.write(out, "begun") && sleep(3600)
      end
    end

    before { stub_const("Hog", hog) }

    # A worker on this log, with what it says about its probes, and a pipe that beats as long as its interpreter is free.
    def worker(threads)
      said, out = IO.pipe
      beats, beat = IO.pipe
      pid = fork do
        [ said, beats ].each(&:close)
        Workflow.configure { |c| c.health = "127.0.0.1:0" }
        Thread.new { loop { beat.write_nonblock(".", exception: false) && sleep(0.01) } }
        exit!(Workflow::Supervisor.new(Workflow::Worker.new(threads: threads), threads: threads, out: out, drain_s: 60).run)
      end
      @children << pid
      [ out, beat ].each(&:close)
      [ pid, said.gets[/probes on (\S+): /, 1], beats ]
    end

    def beats_of(pipe)
      count = 0
      count += pipe.read_nonblock(10_000).size while true
    rescue IO::WaitReadable
      count
    end

    it "answers while a step keeps the interpreter to itself" do
      Workflow.runtime.stop
      pid, address, beats = worker(1)
      begun = File.join(@directory, "begun")
      Hog.new.later(:call, begun)
      eventually("the step is in hand") { File.exist?(begun) }
      beats_of(beats)

      eventually("it says so", within: 60) { ask(address, "/live") in [ 200, { pid: ^pid, in_hand: 1, oldest_s: 2.. } ] }
      expect(status(address, "/ready")).to eq 200
      expect(beats_of(beats)).to be < 100 # free, it beats 200 times
      kill(pid)
    end

    it "is not ready any more once it is told to end, until it has" do
      Workflow.runtime.stop
      pid, address, = worker(1)
      begun = File.join(@directory, "begun")
      run = Hog.new.later(:pause, begun)
      eventually("the step has begun: one that is only claimed goes back, and nothing is waited for") { File.exist?(begun) }
      expect(ask(address, "/ready")).to match [ 200, hash_including(in_hand: 1) ]
      Process.kill("TERM", pid)

      eventually("it is not ready") { ask(address, "/ready") in [ 503, { why: /it stops/ } ] }
      expect(ask(address, "/live")).to match [ 200, hash_including(in_hand: 1) ]
      run.cancel
      kill(pid)
    end
  end
end
