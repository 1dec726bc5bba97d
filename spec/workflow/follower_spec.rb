# frozen_string_literal: true

require "active_support"
require "active_support/notifications"
require "timeout"

RSpec.describe Workflow::Follower do
  let(:heard) { Queue.new }
  let(:follower) { Workflow.follower }

  before do
    define("Told") { include Workflow; remembers :n; attr_reader :n; workflow { now :go; await :on }; def initialize(n = 1) = (@n = n); def go; end }
  end

  it "hands over every event of a run, from now on, in order" do
    run = Told.start(1).workflow
    Told.start(2)
    follower.listen(run.id) { |event| heard << event }
    Told.start(3)
    run.submit(:on)

    events = Array.new(3) { heard.pop }
    expect(events.map(&:kind)).to eq %i[input_accepted step_completed run_done]
    expect(events).to all(have_attributes(run_id: run.id, position: Integer))
    expect(heard).to be_empty
  end

  it "hands all runs' events to those who ask for all" do
    follower.listen { |event| heard << event }
    ids = [ Told.start(1), Told.start(2) ].map { |object| object.workflow.id }

    expect(Array.new(10) { heard.pop.run_id }.uniq).to match_array ids
  end

  it "hands nothing over any more to those who left" do
    all = follower.listen { |event| heard << event }
    one = follower.listen { raise "left" }
    follower.forget(one)
    follower.forget(nil)
    Told.start(1)
    5.times { heard.pop }
    follower.forget(all)
    Told.start(2)

    expect(heard).to be_empty
  end

  def thread = Leftovers.threads.find { |thread| thread.name == "workflow-follower" }

  it "reads no more once the last listener has left, and for the next one from then on" do
    listeners = Array.new(2) { |n| follower.listen { |event| heard << [ n, event.kind ] } }
    first = thread
    follower.forget(listeners.first)
    Told.start(1)
    expect(Array.new(5) { heard.pop.first }).to eq [ 1 ] * 5
    expect(first).to be_alive
    follower.forget(listeners.last)
    Told.start(2)
    expect(first.join(20)).to be first
    Told.start(3)

    run_ids = Queue.new
    follower.listen { |event| run_ids << event.run_id }
    expect(thread).not_to be first
    fourth = Told.start(4).workflow
    expect(Array.new(5) { run_ids.pop }.uniq).to eq [ fourth.id ]
    expect(heard).to be_empty
  end

  it "loses nothing, and hands nothing over twice, while listeners come and go" do
    30.times do |number|
      listener = follower.listen { |event| heard << event.version }
      Told.start(number)
      expect(Timeout.timeout(20) { Array.new(5) { heard.pop } }).to eq [ 1, 2, 3, 4, 5 ]
      follower.forget(listener)
    end
    eventually("one thread is left at most") { Leftovers.threads.count { |thread| thread.name == "workflow-follower" } <= 1 }
    expect(heard).to be_empty
  end

  it "makes no events of runs that nobody listens to" do
    run = Told.start(1).workflow
    follower.listen(run.id) { |event| heard << event }
    GC.start
    GC.disable
    20.times { |number| Told.start(number + 2) }
    run.submit(:on)
    3.times { heard.pop }

    expect(ObjectSpace.each_object(Workflow::Event).count { |event| event.position && event.run_id != run.id }).to eq 0
  ensure
    GC.enable
  end

  it "goes on when a listener fails, and reports that" do
    log = StringIO.new
    Workflow.configuration.logger = Logger.new(log)
    follower.listen { |event| event.kind == :run_started ? raise("broken") : heard << event }
    Told.start(1)

    expect(heard.pop.kind).to eq :step_scheduled
    expect(log.string).to include("RuntimeError: broken")
  ensure
    Workflow.configuration.logger = nil
  end

  it "goes on when a listener has a method that is not written yet, or calls itself for ever, and reports that" do
    log = StringIO.new
    Workflow.configuration.logger = Logger.new(log)
    deeper = -> { deeper.call + 1 }
    mistakes = { run_started: -> { raise NotImplementedError, "later" }, step_scheduled: deeper }
    follower.listen { |event| mistakes.fetch(event.kind, -> { heard << event }).call }
    Told.start(1)

    expect(Timeout.timeout(30) { heard.pop }.kind).to eq :step_started
    expect(log.string).to include("NotImplementedError: later", "SystemStackError")
  ensure
    Workflow.configuration.logger = nil
  end

  it "goes on from where it was when a listener has ended its thread, for those who were there" do
    follower.listen { |event| heard << event }
    ends = follower.listen { Thread.exit }
    first = Told.start(1).workflow
    thread&.join
    follower.forget(ends)
    second = Told.start(2).workflow
    late = Queue.new
    follower.listen { |event| late << event }
    third = Told.start(3).workflow

    ids = [].tap { |found| found << heard.pop.run_id until found.last == third.id }
    expect(ids.uniq).to eq [ first, second, third ].map(&:id)
    expect(late.pop.run_id).to eq third.id
  end

  it "does not wait for who listens to notifications in the same process" do
    define("Queued") { include Workflow; remembers :n; attr_reader :n; workflow { later :go }; def initialize(n) = (@n = n); def go; end }
    gate, reached = Queue.new, Queue.new
    slow = ActiveSupport::Notifications.subscribe("complete.workflow") { reached << true and gate.pop }
    workers << Workflow::Worker.new(threads: 1).start
    follower.listen { |event| heard << event if event.kind == :run_done }
    first, second = Array.new(2) { |n| Queued.new(n).start }

    Timeout.timeout(20) { reached.pop }
    expect(Timeout.timeout(20) { Array.new(2) { heard.pop.run_id } }).to match_array [ first, second ].map(&:id)
  ensure
    ActiveSupport::Notifications.unsubscribe(slow)
    gate.close
  end

  it "goes on with another engine" do
    follower.listen { |event| heard << event }
    Told.start(1)
    5.times { heard.pop }
    Workflow.engine.stop(1000)
    Told.start(2)

    expect(heard.pop.kind).to eq :run_started
  end

  it "starts again after a fork" do
    follower.listen { }
    reader, writer = IO.pipe
    pid = fork do
      Workflow.follower.listen { |event| writer.puts event.kind }
      Told.start(1)
      sleep
    end
    writer.close

    expect(reader.gets).to eq "run_started\n"
  ensure
    Process.kill("KILL", pid)
    Process.wait(pid)
  end

  it "hears what other processes write" do
    follower.listen { |event| heard << event }
    Process.wait(fork { Told.start(1) && Workflow.runtime.stop && exit!(0) })

    expect(heard.pop.by).not_to include(Process.pid.to_s)
  end
end
