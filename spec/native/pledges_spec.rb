# frozen_string_literal: true

require_relative "native_helper"

RSpec.describe "A pledged claim" do
  include NativeHelper

  let(:engine) { open_engine }

  def waiting(expires_ms: nil)
    confirm = { name: "confirm", kind: :await, deps: [], expires_ms: expires_ms }
    @definition = Workflow::Native::Definition.new("Spec", "workflow", false, [ confirm, { name: "thank", kind: :now, deps: [ 0 ] } ])
    start(engine, @definition)[1][:id]
  end

  def pledge(run_id, hand = engine.hand)
    status, _, round, fence = hand.submit(run_id, "confirm", "web", 0, true)
    expect(status).to eq(:claimed)
    [ hand, round, fence ]
  end

  def in_doubt(run_id)
    hand, round, fence = pledge(run_id)
    hand.doubt
    [ hand, round, fence ]
  end

  def settle(run_id, round, fence, accepted, input = nil)
    engine.settle(run_id, "confirm", round, fence, @definition, accepted, input, "recovery")
  end

  def step(run_id, name = :confirm) = engine.find(run_id)[:steps].find { |step| step[:name] == name }

  it "says its round and fence, as every claim of a submit does" do
    run_id = waiting
    hand = engine.hand
    expect(hand.submit(run_id, "confirm", "web", 0).values_at(0, 2, 3)).to eq([ :claimed, 1, 1 ])
    expect(engine.hand.submit(run_id, "confirm", "web", 0, true).values_at(0, 2, 3)).to eq([ :busy, nil, nil ])
    hand.give_back
    expect(pledge(run_id).drop(1)).to eq([ 1, 2 ])
    expect(engine.hand.submit("0000000000000", "confirm", "web", 0, true)).to eq([ :not_found, nil, nil, nil ])
  end

  it "ends like any other while its holder lives" do
    run_id = waiting
    hand, = pledge(run_id)
    hand.reject(nil, "no")
    hand, = pledge(run_id, hand)
    hand.give_back
    hand, = pledge(run_id, hand)
    _, events, work = hand.accept(@definition, "yes")
    expect(events.map { |event| event[3] }).to eq(%i[input_accepted step_completed step_scheduled])
    expect(work[4]).to eq("thank")
    hand.complete(@definition, nil, true)
    expect(engine.find(run_id)[:state]).to eq(:done)
    expect(engine.doubts(10)).to eq([])
  end

  # The committer answers many at a time, in the order in which they came.
  it "has left its slot when that is answered" do
    expect(Array.new(200) { in_doubt(waiting) && engine.in_hand }.uniq).to eq([ 0 ])
  end

  it "is in doubt when its holder says so, and nobody can claim the await" do
    run_id = waiting
    hand, round, fence = in_doubt(run_id)
    expect(hand.held?).to be(false)
    expect(engine.in_hand).to eq(0)
    expect(step(run_id)[:doubtful]).to be(true)
    expect(step(run_id, :thank)[:doubtful]).to be(false)
    expect(engine.doubts(10)).to eq([ [ run_id, "Spec", "workflow", "1", "confirm", round, fence ] ])
    [ true, false ].each do |pledged|
      answer = nil
      expect(elapsed { answer = engine.hand.submit(run_id, "confirm", "web", 10_000, pledged) }).to be < 5
      expect(answer).to eq([ :doubtful, engine.find(run_id), round, fence ])
    end
    expect(engine.fetch([ run_id ])).to eq([ engine.find(run_id) ])
    expect(engine.list("", nil, 10)).to eq([ engine.find(run_id) ])
  end

  it "is settled as accepted by who knows, and what follows is the workers'" do
    run_id = waiting
    _, round, fence = in_doubt(run_id)
    status, snapshot, events = settle(run_id, round, fence, true, "yes")
    expect([ status, snapshot ]).to eq([ :ok, engine.find(run_id) ])
    expect(events.map { |event| event[3] }).to eq(%i[input_accepted step_completed step_scheduled])
    expect(events.first.values_at(8, 14)).to eq(%w[recovery yes])
    expect(snapshot[:steps].map { |step| step[:doubtful] }).to eq([ false, false ])
    expect(engine.doubts(10)).to eq([])
    expect(settle(run_id, round, fence, true, "yes")).to eq([ :stale, engine.find(run_id), [] ])
    engine.work(1, "worker")
    hand = engine.hand
    expect(hand.take(10_000)[4]).to eq("thank")
    hand.complete(@definition, nil, true)
  end

  it "is settled as not accepted, and free again without a trace" do
    run_id = waiting
    _, round, fence = in_doubt(run_id)
    version = engine.find(run_id)[:version]
    expect(settle(run_id, round, fence, false)).to eq([ :ok, engine.find(run_id), [] ])
    expect(engine.find(run_id)[:version]).to eq(version)
    expect(step(run_id)[:doubtful]).to be(false)
    expect(settle(run_id, round, fence, false).first).to eq(:stale)
    expect(pledge(run_id).last).to be > fence
  end

  it "is not settled by another's round or fence, nor before it is in doubt" do
    run_id = waiting
    hand, round, fence = pledge(run_id)
    expect(settle(run_id, round, fence, true).first).to eq(:stale)
    hand.doubt
    expect(settle(run_id, round, fence + 1, true).first).to eq(:stale)
    expect(settle(run_id, round + 1, fence, true).first).to eq(:stale)
    expect(engine.settle(run_id, "nothing", round, fence, @definition, true, nil, "x").first).to eq(:not_found)
    expect(engine.settle("0000000000000", "confirm", round, fence, @definition, true, nil, "x")).to eq([ :not_found, nil, [] ])
    expect(settle(run_id, round, fence, false).first).to eq(:ok)
  end

  it "is in doubt when its engine stops with it in hand" do
    run_id = waiting
    _, round, fence = pledge(run_id)
    expect(engine.stop(10)).to be(false)
    other = open_engine
    expect(other.doubts(10).map { |doubt| doubt.values_at(0, 5, 6) }).to eq([ [ run_id, round, fence ] ])
    expect(other.settle(run_id, "confirm", round, fence, @definition, true, nil, "x").first).to eq(:ok)
  end

  it "is in doubt when its process dies" do
    run_id = waiting
    engine.stop(1_000)
    pid, reader = fork_child do |writer|
      hand = open_engine.hand
      hand.submit(run_id, "confirm", "web", 0, true)
      writer.puts "holds"
      sleep
    end
    expect(read_line(reader, "the child")).to eq("holds")
    end_process(pid)
    other = open_engine
    other.work(1, "worker")
    doubts = wait_until("the takeover") { other.doubts(10).first }
    expect(doubts.first).to eq(run_id)
    expect(other.hand.submit(run_id, "confirm", "web", 0).first).to eq(:doubtful)
  end

  it "is in doubt when its thread goes away and nobody gives it back" do
    run_id = waiting
    Thread.new { engine.hand.submit(run_id, "confirm", "web", 0, true) }.join
    wait_until("the hand is found") do
      GC.start
      engine.doubts(10).any?
    end
    expect(engine.in_hand).to eq(0)
  end

  it "is in doubt though its thread is killed before that is on disk, and can be given back no more" do
    run_id = waiting
    hand, = pledge(run_id)
    blocking_commits do
      thread = Thread.new do
        hand.doubt
      ensure
        hand.give_back
      end
      wait_asleep(thread)
      join(thread.kill)
      expect(hand.held?).to be(false)
    end
    wait_until("the doubt") { engine.doubts(10).any? }
    expect(step(run_id)[:doubtful]).to be(true)
  end

  it "is accepted though its thread is killed while it waits for that" do
    run_id = waiting
    hand, = pledge(run_id)
    blocking_commits do
      thread = Thread.new { hand.accept(@definition, "yes") }
      wait_asleep(thread)
      join(thread.kill)
    end
    wait_until("the verdict") { step(run_id)[:state] == :completed }
    expect(engine.doubts(10)).to eq([])
  end

  it "holds a pause and a cancel off until it is settled" do
    run_id = waiting
    _, round, fence = in_doubt(run_id)
    expect(engine.pause(run_id, nil, "x")[1][:steps].first.values_at(:held, :doubtful)).to eq([ true, true ])
    expect(engine.skip(run_id, "confirm", @definition, nil, "x").first).to eq(:busy)
    expect(engine.cancel(run_id, @definition, nil, "x")[1].values_at(:state, :cancelling)).to eq([ :running, true ])
    status, snapshot, events = settle(run_id, round, fence, false)
    expect([ status, snapshot[:state], events.map { |event| event[3] } ]).to eq([ :ok, :cancelled, %i[lease_lost run_cancelled] ])
    expect(snapshot[:steps].first[:doubtful]).to be(false)
  end

  it "keeps its await from expiring, and from being asked anew" do
    run_id = waiting(expires_ms: 1_000)
    engine.work(1, "worker")
    _, round, fence = in_doubt(run_id)
    engine.travel(5_000)
    expect(engine.retry(run_id, @definition, "confirm", "x").first).to eq(:busy)
    expect(engine.hand.submit(run_id, "confirm", "web", 0).first).to eq(:doubtful)
    expect(engine.find(run_id)[:state]).to eq(:waiting)
    settle(run_id, round, fence, false)
    wait_for_log(engine, "the expiry") { engine.find(run_id)[:state] == :expired }
  end

  it "takes only what can be meant" do
    run_id = waiting
    hand = engine.hand
    expect { hand.doubt }.to raise_error(ArgumentError, /holds nothing/)
    hand.submit(run_id, "confirm", "web", 0)
    expect { hand.doubt }.to raise_error(ArgumentError, /pledged/)
    hand.give_back
    expect { engine.doubts(0) }.to raise_error(ArgumentError)
    expect { engine.settle(run_id, nil, 1, 1, @definition, true, nil, "x") }.to raise_error(ArgumentError)
    expect { engine.settle(run_id, "confirm", 1, 1, nil, true, nil, "x") }.to raise_error(ArgumentError, /definition/)
    expect { engine.settle(run_id, "confirm", "1", 1, @definition, true, nil, "x") }.to raise_error(TypeError)
    hand, = pledge(run_id)
    engine.stop(0)
    expect(hand.doubt).to be_nil
  end
end
