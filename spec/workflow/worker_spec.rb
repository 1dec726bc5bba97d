# frozen_string_literal: true

require "active_support"
require "active_support/notifications"
require "timeout"

RSpec.describe Workflow::Worker do
  let(:started) { Queue.new }
  let(:gate) { Queue.new }
  let!(:slow) do
    queue, door = started, gate
    define("Slow") do
      include Workflow
      define_method(:call) { queue << Thread.current and door.pop }
    end
  end

  def done?(run) = run.reload.done?

  it "runs steps on named threads, by the worker's name" do
    run = slow.new.later(:call)
    work(threads: 2)

    expect(started.pop.name).to match(/\Aworkflow-worker-[12]\z/)
    gate << 1
    eventually("it is done") { done?(run) }
    expect(run.step(:call).by).to match(/\Aworker:#{Process.pid}@./)
  end

  it "runs as many steps at a time as it has threads" do
    runs = Array.new(5) { slow.new.later(:call) }
    work(threads: 3)
    3.times { started.pop }

    expect(Workflow.engine.in_hand).to be >= 3
    5.times { gate << 1 }
    eventually("all are done") { runs.all? { |run| done?(run) } }
  end

  it "takes no more when it is quiet, and lets go on what it has" do
    worker = work(threads: 1)
    run = slow.new.later(:call)
    started.pop
    worker.quiet
    later = slow.new.later(:call)
    gate << 1

    eventually("the first is done") { done?(run) }
    eventually("the threads are gone") { !worker.working? }
    expect(later.reload.step(:call)).to be_ready
    expect(started).to be_empty
  end

  it "can be followed by another in the same process" do
    work(threads: 1).stop(timeout: 5)
    run = slow.new.later(:call)
    gate << 1
    work(threads: 2)

    eventually("the second one ran it") { done?(run) }
  end

  it "waits for the steps in hand when it stops" do
    worker = work(threads: 2)
    run = slow.new.later(:call)
    started.pop
    stopping = Thread.new { worker.stop(timeout: 20) }
    gate << 1

    expect(stopping.value).to be true
    eventually("it is done") { done?(run) }
  end

  describe "while somebody listens to notifications" do
    let(:told) { Queue.new }
    let(:listener) { ->(name, *, payload) { told << [ name.delete_suffix(".workflow"), payload[:run_id] ] } }

    around do |example|
      ActiveSupport::Notifications.subscribed(->(*given) { listener.call(*given) }, /\A(complete|fail|done)\.workflow\z/) { example.run }
    end

    def stopping(worker)
      thread = Thread.new { worker.stop(timeout: 20) }
      eventually("it waits for what is in hand") { thread.status == "sleep" }
      thread
    end

    it "has told of the steps in hand when it has stopped" do
      runs = Array.new(3) { slow.new.later(:call) }
      worker = work(threads: 3)
      3.times { started.pop }
      stopping = stopping(worker)
      3.times { gate << 1 }

      expect(stopping.value).to be true
      expect(Array.new(told.size) { told.pop }).to match_array(runs.flat_map { |run| [ [ "complete", run.id ], [ "done", run.id ] ] })
    end

    it "has told of a step that failed meanwhile" do
      door = gate
      run = define("Broken") { include Workflow; define_method(:call) { door.pop or raise IOError } }.new.later(:call)
      worker = work(threads: 1)
      eventually("it has begun") { run.reload.running? && gate.num_waiting == 1 }
      stopping = stopping(worker)
      gate << nil

      expect(stopping.value).to be true
      expect(told.pop(true)).to eq [ "fail", run.id ]
    end

    context "who does not come back" do
      let(:listener) { ->(*) { told << true and gate.pop } }

      it "stops all the same when its time is up" do
        define("Quick") { include Workflow; def call; end }
        worker = work(threads: 1)
        Quick.new.later(:call)
        told.pop

        expect { Timeout.timeout(20) { worker.stop(timeout: 0.01) } }.not_to raise_error
        gate.close
      end
    end

    context "who stops it" do
      let(:listener) { ->(*) { told << workers.first.stop(timeout: 30) } }

      it "does not wait for itself" do
        define("Quick") { include Workflow; def call; end }
        work(threads: 1)
        Quick.new.later(:call)

        expect(Timeout.timeout(20) { told.pop }).to be true
      end
    end
  end

  it "gives back what does not end in time, and another runs it" do
    worker = work(threads: 1)
    run = slow.new.later(:call)
    started.pop

    expect(worker.stop(timeout: 0.05)).to be false
    Workflow.runtime.stop
    gate << 1
    work(threads: 1)
    eventually("it is done") { done?(run) }
    expect(run.events.map(&:kind)).to include(:lease_lost)
  end

  it "replaces a thread that is killed, and loses nothing" do
    work(threads: 1)
    run = slow.new.later(:call)
    started.pop.kill
    gate << 1

    eventually("it is done") { done?(run) }
    expect(run.step(:call).attempts).to eq 2
  end

  it "survives whatever a step raises, of which the step fails and is tried again as often as it says" do
    define("Rough") do
      include Workflow
      def call(kind) = kind == :exit ? exit(3) : kind == :memory ? "x" * 10**15 : raise(Object.const_get(kind), "so")
      def after = nil
    end
    work(threads: 1)
    runs = %i[exit memory Interrupt Exception].map { |kind| Rough.new.later(:call, kind, retries: 1, backoff: 0.01) }
    last = Rough.new.later(:after)

    eventually("all are over") { runs.all? { |run| run.reload.failed? } && done?(last) }
    expect(runs.map { |run| [ run.error.class_name, run.step(:call).attempts ] }).to eq [ [ "SystemExit", 2 ], [ "NoMemoryError", 2 ], [ "Interrupt", 2 ], [ "Exception", 2 ] ]
    expect(runs.flat_map { |run| run.events.map(&:kind) }).not_to include :lease_lost
  end

  it "runs each step inside what the application wants around it" do
    around = []
    wrapper = Workflow.configuration.wrapper
    Workflow.configuration.adopt(root: Dir.pwd, environment: "test", wrapper: lambda do |&step|
      around << :before if Workflow::Role.worker? # what is published is wrapped too, by another thread
      step.call
      around << :after if Workflow::Role.worker?
    end)
    gate << 1
    run = slow.new.later(:call)
    work(threads: 1)

    eventually("it is done") { done?(run) && around.size == 2 }
    expect(around).to eq %i[before after]
  ensure
    Workflow.configuration.adopt(root: Dir.pwd, environment: "development", wrapper: wrapper)
  end

  it "loads the subject afresh for each step, in order" do
    seen = seen_objects = Queue.new
    define("Fresh") do
      include Workflow
      workflow { later :one; now :two; later :three }
      %i[one two three].each { |name| define_method(name) { seen_objects << [ name, @memory ] and @memory = name } }
    end
    work
    run = Fresh.start.workflow

    eventually("it is done") { done?(run) }
    expect(Array.new(3) { seen.pop }).to eq [ [ :one, nil ], [ :two, nil ], [ :three, nil ] ]
    expect(run.steps.map(&:by)).to all(start_with("worker:"))
  end

  it "refuses bad numbers, and what is not built yet" do
    expect { described_class.new(threads: 0) }.to raise_error(ArgumentError, /1 to 512/)
    expect { described_class.new(queues: [ :mail ]) }.to raise_error(ArgumentError, /not built yet/)
  end
end
