# frozen_string_literal: true

# `remind: { after:, with: }` of an await: sent by a worker, while the await goes on waiting whatever becomes of it.
RSpec.describe "The reminder of an await" do
  def day = 86_400

  # What the reminder does is the test's; what it saw is kept here.
  let(:seen) { Queue.new }

  def order(expires_in: nil, after: 2 * day, otherwise: nil, **options, &nudge)
    seen = self.seen
    nudge ||= proc { }
    define("Reminded") do
      include Workflow
      workflow { await :confirm, remind: { after: after, with: :nudge }, **{ expires_in: expires_in, otherwise: otherwise }.compact, **options; now :ship }
      define_method(:nudge) { seen << [ workflow.id, workflow.attempt, Workflow::Role.by, workflow.state ] && instance_exec(&nudge) }
      def confirm(code: 1) = (reject "Not the code." unless code == 1)
      def chase; end
      def ship; end
    end
  end

  def travel(seconds) = Workflow.engine.travel((seconds * 1000).round)

  def reminded(run, count = 1)
    eventually("#{count} reminders are over") { run.events.select { |event| event.kind == :reminded }.then { |found| found if found.size == count } }
  end

  def errors_reported
    reported = Queue.new
    stub_const("Rails", Module.new { define_singleton_method(:error) { Object.new.tap { |reporter| reporter.define_singleton_method(:report) { |error, **given| reported << [ error.message, given[:handled] ] } } } })
    reported
  end

  it "is sent by a worker when it is due, once, and the await waits on" do
    run = order.new.start
    expect(run.step(:confirm).remind_at).to be_within(10).of(Time.now + 2 * day)
    work
    travel(2 * day - 60)
    expect(run.reload.events.map(&:kind)).to eq %i[run_started input_requested]
    travel(61)
    reminded(run)

    expect(seen.pop).to match [ run.id, 1, /\Aworker:/, :waiting ]
    expect(facts_of(run)).to eq [ [ :run_started, nil, nil ], [ :input_requested, :confirm, nil ], [ :step_scheduled, :confirm, 1 ], [ :reminded, :confirm, 1 ] ]
    expect(run.reload).to have_attributes(state: :waiting, waiting_for: :confirm)
    expect(run.step(:confirm)).to have_attributes(attempts: 0, remind_at: nil, state: :waiting)
    travel(20 * day)
    expect(run.reload.submit(:confirm).run).to be_done
    expect(seen).to be_empty
  end

  it "leaves the run waiting while it is ready and nobody sends it" do
    run = order.new.start
    Workflow.engine.work(1, "worker:1@here") # claims it; nobody takes it
    travel(2 * day + 1)
    eventually("it is ready") { run.reload.events.any? { |event| event.kind == :step_scheduled } }

    expect(run.reload).to have_attributes(state: :waiting, waiting_for: :confirm)
    expect { run.now(:confirm) }.to raise_error(Workflow::NotPending)
    expect { run.later(:confirm) }.to raise_error(Workflow::NotPending)
    expect(run.submit(:confirm).run).to be_done
    Workflow.engine.quiet
  end

  it "is not sent to who has submitted, and what is in hand of it then says nothing" do
    held, go = Queue.new, Queue.new
    run = order { held << true; go.pop }.new.start
    work
    travel(2 * day + 1)
    held.pop

    expect(run.submit(:confirm)).to be_accepted
    go << true
    workers.each { |worker| worker.stop(timeout: 5) }
    expect(run.reload).to be_done
    expect(run.events.map(&:kind)).not_to include(:reminded, :lease_lost)
  end

  it "goes on beside a submission that is refused" do
    held, go = Queue.new, Queue.new
    run = order { held << true; go.pop }.new.start
    work
    travel(2 * day + 1)
    held.pop

    expect(run.submit(:confirm, code: 2).errors.full_messages).to eq [ "Not the code." ]
    go << true
    expect(reminded(run).last.error).to be_nil
    expect(run.reload.submit(:confirm, code: 1).run).to be_done
  end

  it "that fails is tried three times, reported, and never fails the await" do
    reported = errors_reported
    run = order { raise IOError, "no mail today" }.new.start
    work
    travel(2 * day + 1)
    first = reminded(run).first
    expect(first.error.to_s).to eq "IOError: no mail today"
    expect(first.data[:where]).to match(/reminders_spec/)
    expect(first.due_at).to be_within(1).of(first.at + 3)
    expect(run.reload).to be_waiting_for(:confirm)
    expect(run.step(:confirm)).to have_attributes(error: nil, remind_at: first.due_at)
    travel(60)
    reminded(run, 2)
    travel(60)
    last = reminded(run, 3).last

    expect([ last.attempt, last.due_at ]).to eq [ 3, nil ]
    expect(Array.new(3) { reported.pop }).to eq [ [ "no mail today", true ], [ "no mail today", true ], [ "no mail today", false ] ]
    expect(run.reload).to be_waiting_for(:confirm)
    expect(run.submit(:confirm).run).to be_done
  end

  it "that rejects is over, and reports nothing" do
    reported = errors_reported
    run = order { reject "nobody to remind" }.new.start
    work
    travel(2 * day + 1)

    expect(reminded(run).last).to have_attributes(reason: "rejected", due_at: nil)
    expect(reported).to be_empty
    expect(run.reload).to be_waiting_for(:confirm)
  end

  it "is sent once after a jump of the clock beyond it" do
    run = order(expires_in: 30 * day).new.start
    work
    travel(20 * day)
    reminded(run)

    expect(run.reload.step(:confirm)).to have_attributes(state: :waiting, remind_at: nil)
    expect(run.step(:confirm).due_at).to be_within(10).of(run.started_at + 30 * day)
  end

  it "is not sent after a jump of the clock beyond the expiry" do
    run = order(expires_in: 10 * day, otherwise: :chase).new.start
    work
    travel(20 * day)
    eventually("it is expired") { run.reload.expired? }

    expect(run.events.map(&:kind)).not_to include(:reminded)
    expect(seen).to be_empty
  end

  it "does not hold up the expiry" do
    held, go = Queue.new, Queue.new
    run = order(expires_in: 10 * day, otherwise: :chase) { held << true; go.pop }.new.start
    work
    travel(2 * day + 1)
    held.pop
    travel(10 * day)
    eventually("it is expired") { run.reload.expired? }
    go << true
    workers.each { |worker| worker.stop(timeout: 5) }

    expect(run.reload.events.map(&:kind).last(5)).to eq %i[input_expired step_scheduled step_started step_completed run_expired]
  end

  it "comes again with a new round" do
    run = order.new.start
    work
    travel(2 * day + 1)
    reminded(run)
    run.retry(from: :confirm)
    travel(2 * day + 1)
    reminded(run, 2)

    expect(Array.new(2) { seen.pop[1] }).to eq [ 1, 1 ]
    expect(run.reload.step(:confirm)).to have_attributes(state: :waiting, round: 2)
  end

  # What becomes of a run of the one code that is reminded by the other.
  def deployed(**options, &methods)
    order.new.start.tap do
      define("Reminded") { include Workflow; workflow { await :confirm, **options; now :ship }; def ship; end }
      Reminded.class_eval(&methods)
      work
      travel(2 * day + 1)
    end
  end

  it "is sent by the method that the code names today" do
    seen = self.seen
    run = deployed(remind: { after: day, with: :write }) { define_method(:write) { seen << :write } }

    expect(reminded(run).last.error).to be_nil
    expect(seen.pop).to eq :write
  end

  it "is sent by the method that it opened with, where the code says nothing of it any more" do
    seen = self.seen
    run = deployed { define_method(:nudge) { seen << :nudge } }

    expect(reminded(run).last.error).to be_nil
    expect(seen.pop).to eq :nudge
  end

  it "says which method is gone; the await goes on waiting" do
    run = deployed { }

    expect(reminded(run).last.error.to_s).to match(/Reminded has no method nudge, which await :confirm \(.*reminders_spec\.rb:\d+\) calls to remind somebody\. Bring it back, or name another one in remind: {/)
    expect(run.reload).to be_waiting_for(:confirm)
  end

  it "needs its method, and comes before the expiry" do
    line = __LINE__ + 1
    klass = define("Unreminded") { include Workflow; workflow { await :confirm, remind: { after: 60, with: :nudge } } }
    expect { klass.new.start }.to raise_error(Workflow::DefinitionError, /reminders_spec\.rb:#{line}: await :confirm needs a method nudge/)
    expect { Class.new { include Workflow; workflow { await :confirm, expires_in: 60, remind: { after: 60, with: :nudge } } } }
      .to raise_error(Workflow::DefinitionError, /reminders_spec\.rb:#{__LINE__ - 1}: await :confirm: remind: after 60 comes too late for expires_in: 60/)
    [ :nudge, {}, { after: 60 }, { with: :nudge }, { after: 0, with: :nudge }, { after: 60, with: "nudge" }, { after: 60, with: :nudge, times: 2 }, nil ].each do |wrong|
      expect { Class.new { include Workflow; workflow { await :confirm, remind: wrong } } }
        .to raise_error(Workflow::DefinitionError, /await :confirm: remind: must be { after: a duration, with: .*not #{Regexp.escape(wrong.inspect)}/)
    end
  end

  it "is what the events say it is, in the tables too" do
    require "workflow/verification"
    run = order(expires_in: 10 * day).new.start
    Workflow.engine.work(1, "worker:1@here")
    travel(2 * day + 1)
    eventually("it is ready") { run.reload.events.any? { |event| event.kind == :step_scheduled } }
    path = Workflow.configuration.path
    Workflow.runtime.stop

    expect(Workflow::Verification.new(path).differences).to eq []
  end
end
