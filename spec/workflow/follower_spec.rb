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
    Leftovers.threads.find { |thread| thread.name == "workflow-follower" }&.join
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
