# frozen_string_literal: true

require_relative "native_helper"

RSpec.describe "Processes on one store" do
  include NativeHelper

  let(:definition) { define(later: :send) }

  # A process that takes `taken` steps and enters the first `entered` of them, then says so and waits for orders.
  def holder(taken:, entered:, lease: 15_000)
    orders, master = IO.pipe
    definition = self.definition
    pid, reader = fork_child do |writer|
      master.close
      engine = Workflow::Native::Engine.new(path, lease, "spec")
      engine.work(taken, "holder:#{Process.pid}@spec")
      hands = Array.new(taken) { engine.hand }
      ids = hands.map { |hand| hand.take(10_000).first }
      engine.quiet # else it claims again itself what was taken from it
      hands.first(entered).each(&:enter)
      writer.puts ids.join(" ")
      orders.gets
      _, events, = hands.first.complete(definition, "late", true)
      writer.puts events.size
      engine.stop(1_000)
    end
    orders.close
    @master = master
    [ pid, reader ]
  end

  # The steps are there before their holder starts, and this process has no engine while it forks.
  def with_runs(count)
    engine = open_engine
    runs = Array.new(count) { start(engine, definition)[1][:id] }
    engine.stop(1_000)
    runs
  end

  def take_and_complete(hand)
    work = hand.take(10_000) or raise NativeHelper::Late, "no step came"
    hand.enter
    hand.complete(definition, "result", true)
    work
  end

  it "carry on within a second when one of them is killed, and count a crash only of steps that were entered" do
    runs = with_runs(4)
    pid, reader = holder(taken: 2, entered: 1)
    held = read_line(reader, "the holder").split
    entered = held.first
    engine = open_engine
    engine.work(1, "worker:spec")
    hand = engine.hand
    untouched = runs - held
    first_seconds = nil
    began = now
    end_process(pid)
    taken = Array.new(4) do
      work = take_and_complete(hand)
      first_seconds ||= now - began if held.include?(work.first)
      work
    end
    seconds = now - began
    puts format("kill -9: the first step went on after %<first>.0f ms, all after %<all>.0f ms",
      first: first_seconds * 1000, all: seconds * 1000)
    expect(taken.map(&:first)).to match_array(runs)
    expect(first_seconds).to be < (ENV["CI"] ? 2 : 1)
    expect(seconds).to be < 2
    expect(reasons(engine, entered)).to eq([ "crashed" ])
    expect(kinds(engine, entered)).to include(:lease_lost, :step_completed)
    expect(events(engine, entered).find { |event| event[3] == :lease_lost }[8]).to start_with("holder:#{pid}")
    expect((untouched + held.drop(1)).flat_map { |id| reasons(engine, id) }).to be_empty
    expect((untouched + held.drop(1)).map { |id| events(engine, id).filter_map { |event| event[5] }.max }.uniq).to eq([ 1 ])
    expect(runs.map { |id| kinds(engine, id).count(:step_completed) }.uniq).to eq([ 1 ])
  end

  # Whoever takes over tells it from the process's row, which is made before the process is asked to work.
  it "are named in the log when they die, also with the first step that they took, and as callers" do
    definition = define(now: :create)
    children = %w[worker web].map do |role|
      fork_child do |writer|
        engine = Workflow::Native::Engine.new(path, 15_000, "spec")
        hand = engine.hand
        by = "#{role}:#{Process.pid}@spec"
        engine.later("0000000000000", "none") # its row is made
        id = engine.start((hand if role == "web"), definition, role, role, nil, nil, by)[1][:id]
        next_step = -> { engine.work(1, by) || hand.take(10_000) }
        next_step.call if role == "worker"
        hand.enter
        writer.puts id
        sleep
      end
    end
    ids = children.map { |_, reader| read_line(reader, "a process") }
    children.each { |pid, _| end_process(pid) }
    engine = open_engine
    children.zip(ids, %w[worker web]) do |(pid, _), id, role|
      wait_for_log(engine, "#{role} is taken over") { kinds(engine, id).include?(:lease_lost) }
      expect(events(engine, id).find { |event| event[3] == :lease_lost }[8]).to eq("#{role}:#{pid}@spec")
    end
  end

  it "park a step as failed when it has taken three of them down" do
    id = with_runs(1).first
    3.times do
      pid, reader = holder(taken: 1, entered: 1)
      expect(read_line(reader, "the holder")).to eq(id)
      end_process(pid)
    end
    engine = open_engine
    engine.work(1, "worker:spec")
    wait_for_log(engine, "the run is parked") { engine.find(id)[:state] == :failed }
    expect(engine.find(id)[:steps].first).to include(state: :failed, reason: "crashed")
    expect(engine.hand.take(0)).to be_nil
  end

  # What is left then: rows of another boot with leases of another clock, and not the file that processes share.
  it "take over what was held when the machine was started again, whatever the old lease says" do
    with_runs(2)
    pid, reader = holder(taken: 2, entered: 1, lease: 3_600_000)
    held = read_line(reader, "the holder").split
    end_process(pid)
    File.delete("#{path}-shared")
    SQLite3::Database.new(path).tap { |database| database.execute("UPDATE processes SET boot = x'00'") }.close
    engine = open_engine
    engine.work(2, "worker:spec")
    hand = engine.hand
    expect(Array.new(2) { take_and_complete(hand).first }).to match_array(held)
    expect(held.map { |id| engine.find(id)[:state] }).to eq(%i[done done])
  end

  it "take over a stopped one's step after its lease, and refuse its late result once the step was claimed again" do
    with_runs(1)
    pid, reader = holder(taken: 1, entered: 1, lease: 400)
    id = read_line(reader, "the holder")
    engine = open_engine(lease: 400)
    engine.work(1, "worker:spec")
    Process.kill("STOP", pid)
    hand = engine.hand
    seconds = elapsed { expect(hand.take(10_000).first).to eq(id) }
    puts format("SIGSTOP, lease of 400 ms: taken over after %<ms>.0f ms", ms: seconds * 1000)
    expect(seconds).to be < 3
    hand.enter
    Process.kill("CONT", pid)
    @master.puts "complete"
    expect(read_line(reader, "the late result")).to eq("0")
    hand.complete(definition, "mine", true)
    expect(events(engine, id).filter_map(&:last)).to eq([ "mine" ])
    expect(reasons(engine, id)).to eq([ "lease expired" ])
    expect(kinds(engine, id).count(:step_completed)).to eq(1)
  end

  it "accept a stopped one's late result as long as nobody has claimed the step again" do
    with_runs(1)
    pid, reader = holder(taken: 1, entered: 1, lease: 400)
    id = read_line(reader, "the holder")
    engine = open_engine(lease: 400)
    Process.kill("STOP", pid)
    wait_for_log(engine, "the lease is lost") { kinds(engine, id).include?(:lease_lost) }
    Process.kill("CONT", pid)
    @master.puts "complete"
    expect(Integer(read_line(reader, "the late result"))).to be > 0
    expect(events(engine, id).filter_map(&:last)).to eq([ "late" ])
    expect(engine.find(id)[:state]).to eq(:done)
  end
end
