# frozen_string_literal: true

require "objspace"
require "open3"
require_relative "native_helper"

RSpec.describe "Garbage collection" do
  include NativeHelper

  let(:definition) { define(now: :create, later: :send, await: :activate) }

  # Every call of the native API once, with what it answers read.
  def every_call(engine)
    definition = define(now: :create, later: :send, await: :activate)
    hand = engine.hand
    _, snapshot, = start(engine, definition, hand: hand)
    id = snapshot[:id]
    hand.enter
    hand.complete(definition, "created", true)
    engine.later(id, "send")
    hand.take(5_000)
    hand.enter
    hand.fail(definition, "Error", "message", "here", true, nil, nil, true)
    engine.retry(id, definition, nil, "spec")
    hand.take(5_000)
    hand.enter
    hand.complete(definition, "sent", false)
    wait_for_log(engine, "the await", seconds: 60) { engine.find(id)[:state] == :waiting }
    hand.submit(id, "activate", "spec", 100)
    hand.reject("Error", "no")
    hand.submit(id, "activate", "spec", 100)
    _, events, = hand.accept(definition, "input")
    filter = { class_name: "Spec", subject: snapshot[:key], tags: [], steps: [ "send" ], states: %i[done] }
    [ engine.find(id)[:state], engine.fetch([ id ]).size, engine.currents([ snapshot[:key], "none" ]).map { |run| run && run[:state] },
      engine.search({ class_name: "Spec", states: %i[done] }, nil, 1).first.size, engine.count(filter, nil), engine.ids(filter, [ "none#" ]),
      engine.start(nil, define(await: :activate), "s", "Spec/tagged", nil, nil, "spec", %w[plan pro])[1][:tags],
      engine.current(snapshot[:key])[:id] == id, engine.list(snapshot[:key], nil, 1).size,
      engine.events(id, 0, 100).size, engine.log(0, 5).size, engine.wait_log(0, 10), events.map { |event| event[3] } ]
  ensure
    hand&.give_back
  end

  # An engine works for one thread; the calls are as on an ordinary day.
  def working_engine = open_engine.tap { |engine| engine.work(1, "worker:spec") }

  it "at every allocation changes nothing" do
    engine = working_engine
    ordinary = every_call(engine)
    GC.stress = NativeHelper::LONG || 1 # 1: young objects only, which is what the glue makes, and ten times as fast
    stressed = every_call(engine)
    GC.stress = false
    expect(ordinary.first).to eq(:done)
    expect(stressed).to eq(ordinary)
  ensure
    GC.stress = false
  end

  it "that moves objects changes nothing" do
    skip "this Ruby cannot compact" unless GC.respond_to?(:compact)
    engine = working_engine
    ordinary = every_call(engine)
    5.times do
      GC.compact
      expect(every_call(engine)).to eq(ordinary)
    end
  rescue NotImplementedError
    skip "this Ruby cannot compact here"
  end

  it "that moves every object finds every reference" do
    skip "this Ruby cannot verify it" unless GC.respond_to?(:verify_compaction_references)
    engine = working_engine
    hand = engine.hand
    definition = self.definition
    start(engine, definition, hand: hand)
    ordinary = every_call(engine)
    larger = GC.method(:verify_compaction_references).parameters.map(&:last).include?(:expand_heap) ? :expand_heap : :double_heap
    GC.verify_compaction_references(toward: :empty, larger => true)
    expect(every_call(engine)).to eq(ordinary)
    hand.enter
    expect(hand.complete(definition, "created", true).first[:steps].first[:state]).to eq(:completed)
  rescue NotImplementedError
    skip "this Ruby cannot verify it here"
  end

  # Holes in the heap, which what is made afterwards and moved falls into.
  def scatter = Array.new(5_000) { |i| "hole #{i}" }.select.with_index { |_, i| (i % 3).zero? }

  def names_kept(engine, steps)
    definition = Workflow::Native::Definition.new("Spec", "workflow", false, steps)
    GC.stress = false
    start(engine, definition)[1][:steps].map { |step| step[:name].name }
  end

  it "that moves objects at every allocation leaves a definition its names" do
    skip "this Ruby does not compact by itself" unless GC.respond_to?(:auto_compact=)
    engine = open_engine
    steps = Array.new(12) { |i| { name: "step_#{i}", kind: :later, deps: [], was: [ "old_#{i}", "older_#{i}" ] } }
    kept = scatter
    GC.auto_compact = GC.stress = true
    expect(names_kept(engine, steps)).to eq(steps.map { |step| step[:name] })
    expect(kept.size).to be > 1
  rescue NotImplementedError
    skip "this Ruby does not compact here"
  ensure
    GC.stress = false
    GC.auto_compact = false if GC.respond_to?(:auto_compact) && GC.auto_compact
  end

  # In a method of its own, so that nothing on the stack still refers to what it made.
  def drop_hand_with_step(engine)
    hand = engine.hand
    hand.take(5_000).first
  end

  def clear_stack(depth = 200) = depth.zero? ? 0 : clear_stack(depth - 1) + [ nil ].size

  def collect
    clear_stack
    GC.start
  end

  it "gives back the step of a hand that was dropped" do
    engine = open_engine
    engine.work(30, "worker:spec") # room for all that is held
    one_step = define(later: :send)
    runs = Array.new(20) do
      id = start(engine, one_step)[1][:id]
      Thread.new { expect(drop_hand_with_step(engine)).to eq(id) }.join
      id
    end
    hand = engine.hand
    ended = []
    deadline = now + 20
    until ended.size == runs.size
      check_deadline(deadline, "all steps come back")
      collect
      next unless (work = hand.take(10))
      hand.enter
      hand.complete(one_step, nil, true)
      ended << work.first
    end
    expect(ended).to match_array(runs)
    expect(engine.stop(5_000)).to be(true)
  end

  it "leaves a dropped engine alone until the process ends, and its hands work on" do
    hand = Thread.new { Workflow::Native::Engine.new(path, 15_000, "spec").tap { |engine| engine.work(1, "spec") }.hand }.value
    collect
    other = open_engine
    id = start(other, define(later: :send))[1][:id]
    expect(hand.take(5_000).first).to eq(id)
    hand.enter
    expect(hand.complete(define(later: :send), nil, true).first[:state]).to eq(:done)
    collect
    expect(start(other, define(later: :send)).first).to eq(:started)
  end

  it "at the end of a process that stopped nothing, with steps held, is no crash" do
    script = <<~RUBY
      require "workflow"
      Workflow::Store.load_core
      native = Workflow::Native
      definition = native::Definition.new("Spec", "workflow", false, [ { name: "send", kind: :later, deps: [] } ])
      engine = native::Engine.new(#{path.inspect}, 15_000, "spec")
      engine.work(2, "spec")
      3.times { |i| engine.start(nil, definition, "s", "k", nil, nil, "spec") }
      $hand = engine.hand
      $hand.take(5_000)
      $hand.enter
      Thread.new(engine) { |own| own.hand.take(60_000) && own.hand.take(60_000) }
      engine = definition = nil
      GC.start
      puts "held"
    RUBY
    output, status = Open3.capture2e(*ruby("-e", script))
    expect([ output, status.success? ]).to eq([ "held\n", true ])
    engine = open_engine
    engine.work(1, "spec")
    3.times do
      hand = engine.hand
      expect(hand.take(5_000)).not_to be_nil
      hand.complete(define(later: :send), nil, true)
    end
    expect(engine.log(0, 1_000).map { |event| event[3] }.count(:step_completed)).to eq(3)
  end

  it "of a stopped engine frees it, and its hands afterwards are harmless" do
    20.times do |i|
      Thread.new do
        engine = Workflow::Native::Engine.new(File.join(@dir, "#{i}.sqlite3"), 15_000, "spec")
        hands = Array.new(3) { engine.hand }
        start(engine, definition, hand: hands.first)
        engine.stop(0)
        @kept = hands.last
      end.join
      collect
      expect(@kept.held?).to be(false)
      expect(@kept.give_back).to be_nil
    end
  end

  it "of a definition waits for the appends that use it" do
    engine = working_engine
    blocking_commits do
      threads = Array.new(20) { |i| Thread.new { start(engine, define(later: :"step_#{i}"), key: "Spec/#{i}") } }
      threads.each { |thread| wait_asleep(thread) }
      threads.first(10).each(&:kill).each { |thread| join(thread) } # these definitions are the core's alone now
      collect
      @threads = threads.drop(10)
    end
    @threads.each { |thread| expect(join(thread).value.first).to eq(:started) }
    engine.later("0000000000000", "none") # answered when all that was asked for before is done
    found = engine.list("Spec/", nil, 100).to_h { |snapshot| [ snapshot[:key], snapshot[:steps].first[:name] ] }
    expect(found).to eq(found.keys.to_h { |key| [ key, :"step_#{key.delete_prefix("Spec/")}" ] })
    expect(found.keys).to include(*(10...20).map { |i| "Spec/#{i}" })
    expect(found.size).to be > 10 # a thread that was killed before it had asked for anything has not started anything
  end

  it "says how large things are" do
    engine = working_engine
    expect(ObjectSpace.memsize_of(engine)).to be > 1_000
    expect(ObjectSpace.memsize_of(engine.hand)).to be > 40
    expect(ObjectSpace.memsize_of(definition)).to be > 100
  end

  def resident_kib = Integer(`ps -o rss= -p #{Process.pid}`)

  # Starts and ends so many runs in 16 threads, reading some of them.
  def start_and_finish(engine, count)
    threads = Array.new(16) do
      Thread.new do
        hand = engine.hand
        one_step = define(now: :create)
        (count / 16).times do |i|
          id = engine.start(hand, one_step, "subject", "Memory", "arguments", nil, "spec")[1][:id]
          hand.enter
          hand.complete(one_step, "result", false)
          engine.find(id) if (i % 10).zero?
        end
      end
    end
    threads.each { |thread| join(thread, seconds: 120) }
    wait_until("all are recorded") { engine.in_hand.zero? }
    GC.start
  end

  # A leak grows with every round; a heap that is cut up grows once and then stays.
  def least_growth(rounds)
    Array.new(rounds) do
      before = resident_kib
      yield
      GC.start
      resident_kib - before
    end.min
  end

  it "keeps memory where it is over 60,000 starts and finishes" do
    engine = open_engine
    start_and_finish(engine, 10_000)
    growth = least_growth(3) { start_and_finish(engine, 20_000) }
    puts "20,000 starts and finishes, the best of three rounds: #{growth} KiB more"
    expect(growth).to be < 4 * 1024
  end

  it "keeps memory where it is over many engines, definitions and snapshots" do
    id = nil
    round = lambda do |i|
      engine = Workflow::Native::Engine.new(path, 15_000, "spec")
      id = start(engine, definition, key: "Many/#{i}")[1][:id]
      200.times { engine.find(id) && engine.hand && define(later: %i[a b c]) }
      engine.stop(1_000)
    end
    20.times(&round)
    growth = least_growth(3) { 20.times(&round) }
    puts "20 engines, 4,000 snapshots, the best of three rounds: #{growth} KiB more"
    expect(growth).to be < 4 * 1024
  end
end
