# frozen_string_literal: true

require "spec_helper"
require_relative "postgres"

RSpec.describe Postgres, skip: (Postgres.missing if ENV["CI"] != "true") do
  include Waiting

  # Starts a server, forks a child that does nothing, tells of them, and goes on until it is told or killed.
  owner = <<~RUBY
    server = Postgres.server
    child = fork { sleep }
    puts [ server.directory, server.pid, child ].join(" ")
    $stdout.flush
    gets
  RUBY

  before do
    @owner = IO.popen([ RbConfig.ruby, "-r#{__dir__}/postgres", "-e", owner ], "r+")
    @directory, *pids = @owner.gets.split
    @server, @child = pids.map(&:to_i)
  end

  after do
    Process.kill("KILL", @child)
    @owner.close
  end

  def running?(pid)
    Process.kill(0, pid)
  rescue Errno::ESRCH
    false
  end

  def gone? = !running?(@server) && !File.exist?(@directory)

  it "runs as long as its process, and leaves nothing" do
    expect(gone?).to be false
    @owner.puts
    wait_until("server and directory are gone") { gone? }
    expect(running?(@child)).to be_truthy
  end

  it "does not outlive its process if that is killed, though a child of that lives on" do
    Process.kill("KILL", @owner.pid)
    wait_until("server and directory are gone") { gone? }
    expect(running?(@child)).to be_truthy
  end
end
