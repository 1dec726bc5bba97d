# frozen_string_literal: true

RSpec.describe Workflow::Run::Attendance do
  def order(&block) = define("Order") { include Workflow; workflow(&block); def pack; end; def check = raise(IOError) }

  # As if it had been so for long enough to be told.
  def later(run)
    facts = run.snapshot
    steps = facts[:steps].map { |step| step.merge(%i[scheduled_ms due_ms].to_h { |key| [ key, step[key] && step[key] - 3_700_000 ] }) }
    Workflow::Run.new(facts.merge(steps: steps), subject: run.subject)
  end

  it "says that nobody works, of what is ready" do
    order { later :pack; await :go }
    run = Order.new.start

    expect([ run.reason, run.step(:pack).reason ]).to eq [ nil, nil ] # it has only just begun
    run = later(run)
    expect([ run.state, run.reason, run.step(:pack).reason, run.step(:go).reason ])
      .to eq [ :running, "no worker is running", "no worker is running", nil ]
  end

  it "says so of a timer that nobody looks at" do
    order { now :check, retries: 1, backoff: 60; await :go, expires_in: 60 }
    expect(later(Order.new.start)).to have_attributes(state: :retrying, reason: "no worker is running")

    order { await :go, expires_in: 60 }
    expect(later(Class.new(Order).tap { |klass| stub_const("Other", klass) }.new.start).step(:go).reason).to eq "no worker is running"
  end

  it "says nothing while a worker is alive, in this process or in another" do
    order { later :pack, wait: 3_600; await :go }
    run = Order.new.start
    worker = Workflow::Worker.new(threads: 1).start
    expect(later(run.reload).reason).to be_nil

    worker.stop
    expect(later(run.reload).reason).to eq "no worker is running"
  end

  it "says nothing while a step of the run is in hand, nor of a run that is over or paused" do
    order { now :pack; await :go }
    run = Order.new.start
    run.pause(reason: "hold on")
    expect(later(run)).to have_attributes(reason: "hold on")
    run.cancel
    expect(later(run).reason).not_to eq "no worker is running"
  end

  it "goes by the clock of the log, which tests move" do
    Workflow.engine.travel(-3_600_000)
    run = order { later :pack }.new.start
    expect(run.reload.reason).to be_nil

    Workflow.engine.travel(10_000)
    expect(run.reload.reason).to eq "no worker is running"
  end
end
