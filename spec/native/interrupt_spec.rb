# frozen_string_literal: true

require "timeout"
require_relative "native_helper"

RSpec.describe "Interrupts of threads inside the core" do
  include NativeHelper

  # What is raised into a thread from outside.
  class Interruption < StandardError; end

  # Threads that take steps and end them, each replaced when an interrupt has ended it; the hand goes on to the next.
  class InterruptedWorkers
    attr_reader :landed

    def initialize(engine, definition, count, random)
      @engine = engine
      @definition = definition
      @random = random
      @landed = Queue.new
      @over = false
      @hands = Array.new(count) { engine.hand }
      @threads = @hands.map { |hand| work(hand) }
    end

    # @return [Thread] one that was hit, and that is to be waited for
    def interrupt
      index = @random.rand(@threads.size)
      thread = @threads[index]
      @random.rand < 0.5 ? thread.raise(Interruption) : thread.kill
      yield thread
      @threads[index] = work(@hands[index])
    end

    def stop
      @over = true
      @threads
    end

    private
      def work(hand)
        thread = Thread.new do
          hand.give_back # if an interrupt hit the one before even in its ensure
          take_one(hand) until @over
        ensure
          hand.give_back
        end
        thread.report_on_exception = false
        thread
      end

      def take_one(hand)
        taken = over = false
        taken = !hand.take(50).nil?
        return unless taken
        hand.enter
        step
        hand.complete(@definition, "result", rand < 0.5)
        over = true
      ensure
        @landed << true if !over && (taken || hand.held?)
        hand.give_back
      end

      def step = sleep(rand * 0.004)
  end

  let(:engine) { open_engine }
  let(:one_step) { define(later: :send) }

  def completed(run_id)
    events(engine, run_id).select { |event| event[3] == :step_completed }.map { |event| event[4] }
  end

  def join_interrupted(thread)
    join(thread)
  rescue Interruption
    nil
  end

  def expect_nothing_in_hand
    wait_until("everything is given back") { engine.in_hand.zero? }
  end

  it "lose no step, whenever they hit between take and finish" do
    interrupts = NativeHelper::LONG ? 1000 : 100
    seed = Integer(ENV.fetch("SEED", Random.new_seed % 1_000_000))
    random = Random.new(seed)
    definition = define(later: %i[send remind])
    engine.work(4, "worker:spec")
    workers = InterruptedWorkers.new(engine, definition, 4, random)
    runs = []
    interrupts.times do
      4.times { runs << start(engine, definition)[1][:id] }
      IO.select(nil, nil, nil, random.rand * 0.004) # a random moment
      workers.interrupt { |thread| join_interrupted(thread) }
    end
    wait_for_log(engine, "all runs are done", seconds: 60) { runs.all? { |id| engine.find(id)[:state] == :done } }
    workers.stop.each { |thread| join(thread) }

    hits = workers.landed.size
    puts "#{interrupts} interrupts, seed #{seed}: #{hits} between take and finish"
    expect(runs.map { |id| completed(id) }.uniq).to eq([ %i[send remind] ])
    expect(runs.map { |id| events(engine, id).map { |event| event[2] } }).to all(satisfy { |v| v == (1..v.size).to_a })
    expect(hits).to be >= interrupts / 10
    expect_nothing_in_hand
    expect(engine.stop(5_000)).to be(true)
  end

  # Runs the block in a thread that waits for a commit, and interrupts it there, long before the store would give up (5 s).
  def interrupt_while_committing(how = :raise)
    thread = Thread.new do
      yield
    rescue Interruption
      :interrupted
    end
    thread.report_on_exception = false
    wait_asleep(thread)
    how == :raise ? thread.raise(Interruption) : thread.kill
    join(thread, seconds: 4).value
  end

  it "are raised at once out of a start, which then commits or does not, and holds nothing" do
    definition = define(now: :create, later: :send)
    hand = engine.hand
    %i[raise kill].each do |how|
      key = "Spec/#{how}"
      blocking_commits do
        value = interrupt_while_committing(how) { start(engine, definition, hand: hand, key: key) }
        expect(value).to eq(how == :raise ? :interrupted : nil)
        expect(hand.held?).to be(false)
      end
      expect_nothing_in_hand
      snapshot = engine.current(key)
      next unless snapshot
      expect(snapshot[:steps].first).to include(state: :ready, attempts: 0).or include(state: :ready, attempts: 1)
      expect(hand.now(snapshot[:id], "create", "spec").first).to eq(:claimed)
      hand.enter
      hand.complete(definition, nil, true)
      expect(completed(snapshot[:id])).to eq([ :create ])
    end
  end

  it "are raised at once out of a completion, which is recorded once" do
    engine.work(1, "worker:spec")
    hand = engine.hand
    id = start(engine, one_step)[1][:id]
    expect(hand.take(5_000)).not_to be_nil
    hand.enter
    blocking_commits do
      expect(interrupt_while_committing { hand.complete(one_step, "result", true) }).to eq(:interrupted)
      expect(hand.held?).to be(false)
      hand.give_back
    end
    wait_for_log(engine, "the run is done") { engine.find(id)[:state] == :done }
    expect(kinds(engine, id).count(:step_completed)).to eq(1)
    expect(reasons(engine, id)).to be_empty
    expect_nothing_in_hand
  end

  it "are raised at once out of a submit, and the await can be claimed again" do
    definition = define(await: :activate)
    id = start(engine, definition)[1][:id]
    hand = engine.hand
    blocking_commits do
      expect(interrupt_while_committing { hand.submit(id, "activate", "spec", 5_000) }).to eq(:interrupted)
    end
    expect(hand.submit(id, "activate", "spec", 5_000).first).to eq(:claimed)
    hand.accept(definition, "input")
    expect(engine.find(id)[:state]).to eq(:done)
    expect_nothing_in_hand
  end

  it "are raised at once out of a submit that waits for another's verdict" do
    definition = define(await: :activate)
    id = start(engine, definition)[1][:id]
    other = engine.hand
    other.submit(id, "activate", "other", 0)
    hand = engine.hand
    thread = Thread.new { hand.submit(id, "activate", "spec", 30_000) }
    thread.report_on_exception = false
    wait_asleep(thread)
    thread.raise(Interruption)
    expect { join(thread) }.to raise_error(Interruption)
    other.reject(nil, "no")
    expect_nothing_in_hand
    expect(hand.submit(id, "activate", "spec", 0).first).to eq(:claimed)
    hand.give_back
  end

  it "are raised at once out of following the log" do
    position = engine.last_position
    thread = Thread.new { engine.wait_log(position, 30_000) }
    thread.report_on_exception = false
    wait_asleep(thread)
    thread.raise(Interruption)
    expect { join(thread) }.to raise_error(Interruption)
    expect(start(engine, one_step).first).to eq(:started)
  end

  # The threads of engines, this example's or not. One that was joined may still be listed, and be gone when it is looked at.
  def core_threads
    Dir["/proc/self/task/*"].select { |task| File.read("#{task}/comm").start_with?("wf-") rescue false }
  end

  it "that come while a store is opened or stopped leave no engine behind" do
    skip "threads are counted in /proc" unless File.directory?("/proc/self/task")
    before = core_threads
    opened = Queue.new
    20.times do |i|
      thread = Thread.new do
        Thread.handle_interrupt(Interruption => :on_blocking) do # what new returns must not be lost by Ruby
          opened << (engine = Workflow::Native::Engine.new(File.join(@dir, "#{i}.sqlite3"), 15_000, "spec"))
          engine.stop(1_000)
        end
      end
      thread.report_on_exception = false
      IO.select(nil, nil, nil, rand * 0.01)
      thread.raise(Interruption)
      join_interrupted(thread)
    end
    opened.pop.stop(1_000) until opened.empty?
    GC.start
    wait_until("the threads of these engines are gone") { (core_threads - before).empty? }
  end

  context "when they are masked" do
    it "let take wait without spinning, and are raised afterwards" do
      engine.work(1, "worker:spec")
      hand = engine.hand
      waited = cpu = nil
      thread = Thread.new do
        Thread.handle_interrupt(Object => :never) do
          Thread.current[:masked] = true
          began = Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID)
          waited = elapsed { expect(hand.take(1_000)).to be_nil }
          cpu = Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID) - began
        end
      end
      thread.report_on_exception = false
      wait_until("the thread waits, masked") { thread[:masked] && asleep?(thread) }
      thread.raise(Interruption)
      expect { join(thread) }.to raise_error(Interruption)
      expect(waited).to be_between(0.99, 10)
      expect(cpu).to be < 0.5
    end

    it "let take return the step that comes" do
      engine.work(1, "worker:spec")
      hand = engine.hand
      work = nil
      thread = Thread.new do
        Thread.handle_interrupt(Object => :never) do
          Thread.current[:masked] = true
          work = hand.take(10_000)
          hand.enter
          hand.complete(one_step, nil, true)
        end
      end
      thread.report_on_exception = false
      wait_until("the thread waits, masked") { thread[:masked] && asleep?(thread) }
      thread.raise(Interruption)
      id = start(engine, one_step)[1][:id]
      expect { join(thread) }.to raise_error(Interruption)
      expect(work.first).to eq(id)
      expect(engine.find(id)[:state]).to eq(:done)
    end
  end

  it "by a signal run the handler on the main thread, and take goes on" do
    engine.work(1, "worker:spec")
    hand = engine.hand
    handler_thread = nil
    before = trap("USR1") { handler_thread = Thread.current }
    definition = one_step
    main = Thread.current
    helper = Thread.new do
      wait_asleep(main)
      Process.kill("USR1", Process.pid)
      wait_until("the handler has run") { handler_thread }
      start(engine, definition)
    end
    seconds = elapsed { expect(hand.take(10_000)).not_to be_nil }
    join(helper)
    expect(handler_thread).to be(Thread.main)
    expect(seconds).to be < 5
    hand.give_back
  ensure
    trap("USR1", before || "DEFAULT")
  end

  it "by Timeout end a take and a start in time" do
    engine.work(1, "worker:spec")
    hand = engine.hand
    seconds = elapsed { expect { Timeout.timeout(0.1) { hand.take(20_000) } }.to raise_error(Timeout::Error) }
    expect(seconds).to be < 10
    blocking_commits do # a start would wait for 5 s
      definition = one_step
      seconds = elapsed { expect { Timeout.timeout(0.1) { start(engine, definition) } }.to raise_error(Timeout::Error) }
      expect(seconds).to be < 4
    end
    wait_for_log(engine, "the start commits late") { engine.list("Spec/", nil, 10).size == 1 }
    expect(hand.take(5_000)).not_to be_nil
    hand.give_back
  end

  it "do not keep fifty threads from sharing the steps, each run once" do
    engine.work(50, "worker:spec")
    ended = Queue.new
    over = false
    threads = Array.new(50) do
      Thread.new do
        hand = engine.hand
        until over
          next unless (work = hand.take(100))
          hand.enter
          hand.complete(one_step, nil, false)
          ended << work.first
        end
      ensure
        hand.give_back
      end
    end
    runs = Array.new(500) { start(engine, one_step)[1][:id] }
    wait_for_log(engine, "all runs are done") { ended.size >= 500 && runs.all? { |id| engine.find(id)[:state] == :done } }
    over = true
    threads.each { |thread| join(thread) }
    expect(Array.new(ended.size) { ended.pop }).to match_array(runs)
  end

  it "refuses a hand to a second thread while the first one waits with it" do
    engine.work(1, "worker:spec")
    hand = engine.hand
    thread = Thread.new { hand.take(10_000) }
    wait_asleep(thread)
    expect { hand.take(0) }.to raise_error(ArgumentError, /another thread/)
    expect { hand.give_back }.to raise_error(ArgumentError, /another thread/)
    engine.quiet
    expect(join(thread).value).to be_nil
  end
end
