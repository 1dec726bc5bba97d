# frozen_string_literal: true

# `early: true` of an await: an input that comes before its time is kept, and judged when its turn has come.
RSpec.describe "An input that comes early" do
  # Everything that the steps did, in order.
  let(:done) { Queue.new }

  def klass(name = "Early", &workflow)
    done = self.done
    workflow ||= proc { now :prepare; later :print; await :confirm, early: true; now :ship }
    define(name) do
      include Workflow
      workflow(&workflow)
      %i[prepare print ship chase].each { |step| define_method(step) { done << [ step, Workflow::Role.by[/\A\w+/] ] } }
      define_method(:confirm) do |code:|
        done << [ :confirm, code, Workflow::Role.by[/\A\w+/] ]
        raise IOError, "broken" if code == 13
        reject "Not the code." unless code == 1
      end
    end
  end

  def popped = Array.new(done.size) { done.pop }

  it "is kept, and judged by whoever has the turn" do
    object = klass.new.tap(&:start)
    submission = object.submit(:confirm, code: 1)

    expect(submission).to have_attributes(accepted?: true, kept?: true)
    expect(submission.errors).to be_empty
    expect(submission.run).to be_running
    expect(submission.run.step(:confirm)).to have_attributes(state: :pending, kept?: true)
    expect(object.workflow.events.last).to have_attributes(kind: :input_kept, step: :confirm, data: include(input: { code: 1 }))
    work
    eventually("it is done") { object.workflow.done? }
    expect(popped.last(2)).to eq [ [ :confirm, 1, "worker" ], [ :ship, "worker" ] ]
    expect(facts_of(object.workflow).drop_while { |kind, *| kind != :input_kept }.map(&:first)).to eq %i[input_kept step_started step_completed
      step_scheduled step_started input_accepted step_completed step_scheduled step_started step_completed run_done]
    expect(object.workflow.input(:confirm)).to eq(code: 1)
    expect(object.submit(:confirm, code: 1).errors.full_messages).to eq [ "confirm is already done." ]
  end

  it "is judged in the caller's breath, when that brings its turn" do
    object = klass { await :sign; await :confirm, early: true; now :ship }.new.tap(&:start)
    object.submit(:confirm, code: 1)
    submission = object.submit(:sign)

    expect(submission.run).to be_done
    expect(popped).to eq [ [ :confirm, 1, "console" ], [ :ship, "console" ] ].map { |row| [ *row[0..-2], Workflow::Role.by[/\A\w+/] ] }
  end

  it "is replaced by a later one" do
    object = klass { await :sign; await :confirm, early: true }.new.tap(&:start)
    object.submit(:confirm, code: 2)
    expect(object.submit(:confirm, code: 1)).to be_kept
    object.submit(:sign)

    expect(popped.map { |row| row[1] }).to eq [ 1 ]
    expect(object.workflow).to be_done
  end

  it "that is rejected leaves the await open, and says why" do
    object = klass { await :sign; await :confirm, early: true, expires_in: 60, otherwise: :chase }.new.tap(&:start)
    object.submit(:confirm, code: 2)
    run = object.submit!(:sign).run

    expect(run).to have_attributes(state: :waiting, waiting_for: :confirm)
    expect(run.step(:confirm)).to have_attributes(reason: "Not the code.", kept?: false, attempts: 0, due_at: be_within(10).of(Time.now + 60))
    expect(facts_of(run).map(&:first).last(4)).to eq %i[step_scheduled step_started input_rejected input_requested]
    expect(object.submit(:confirm, code: 1).run).to be_done
  end

  it "whose method breaks leaves the await open, and the error is recorded, reported and raised with a bang" do
    reported = []
    stub_const("Rails", Module.new { define_singleton_method(:error) { Object.new.tap { |reporter| reporter.define_singleton_method(:report) { |error, **given| reported << [ error.message, given[:handled] ] } } } })
    object = klass { await :sign; await :confirm, early: true }.new.tap(&:start)
    object.submit(:confirm, code: 13)

    expect { object.submit!(:sign) }.to raise_error(IOError, "broken")
    expect(object.workflow).to be_waiting_for(:confirm)
    expect(object.workflow.step(:confirm).error.to_s).to eq "IOError: broken"
    expect(object.workflow.events[-2]).to have_attributes(kind: :input_rejected, reason: nil, error: have_attributes(class_name: "IOError"))
    expect(reported).to eq [ [ "broken", false ] ]
    expect(object.submit(:confirm, code: 1).run).to be_done
  end

  it "is read as its fields say, at once" do
    object = klass { await :sign; await :confirm, early: true, fields: { code: Integer } }.new.tap(&:start)
    version = object.workflow.version

    expect(object.submit(:confirm, code: "many").errors[:code]).to eq [ "must be a whole number" ]
    expect { object.submit!(:confirm) }.to raise_error(Workflow::Rejected, "Code is missing")
    expect(object.workflow.version).to eq version
    expect(object.submit(:confirm, code: "1")).to be_kept
    expect(object.submit(:sign).run.input(:confirm)).to eq(code: 1)
  end

  it "is kept for an await without a method or an input too" do
    object = klass { await :sign; await :pay, early: true }.new.tap(&:start)

    expect(object.submit(:pay)).to be_kept
    expect(object.submit(:sign).run).to be_done
    expect(object.workflow.input(:pay)).to eq({})
  end

  it "is not taken where the code does not say so, before the run, or after the await" do
    object = klass { await :sign; await :confirm, early: true; await :receive }.new
    expect(object.submit(:confirm, code: 1).errors.full_messages).to eq [ "confirm is not awaited: nothing has started." ]
    object.start
    expect(object.submit(:receive).errors.full_messages).to eq [ "receive is not awaited: the workflow waits for sign." ]
    expect { object.submit!(:receive) }.to raise_error(Workflow::NotWaiting)
    object.submit(:sign)
    expect(object.submit(:confirm, code: 1)).not_to be_kept
    expect(object.submit(:confirm, code: 1).errors.full_messages).to eq [ "confirm is already done." ]
    object.submit(:receive)
    expect(object.submit(:confirm, code: 1)).not_to be_accepted
  end

  it "waits for the delay and for the conditions of its await" do
    good = nil
    object = klass { await :confirm, early: true, wait: 3600, if: -> { good }; now :ship }.new.tap(&:start)
    expect(object.submit(:confirm, code: 1)).to be_kept
    good = true
    work
    Workflow.engine.travel(3_601_000)
    eventually("it is done") { object.workflow.done? }
    expect(popped.map(&:first)).to eq %i[confirm ship]

    good = false
    skipped = klass("Skipped") { now :prepare; await :sign; await :confirm, early: true, unless: -> { !good } }.new.tap(&:start)
    skipped.submit(:confirm, code: 1)
    expect(skipped.submit(:sign).run).to be_done
    expect(skipped.workflow.step(:confirm)).to have_attributes(state: :skipped, kept?: false)
    expect(popped.map(&:first)).to eq %i[prepare]
  end

  it "decides an either when that opens" do
    object = klass { await :sign; either { await :pay, expires_in: 60; await :confirm, early: true }; now :ship }.new.tap(&:start)
    object.submit(:confirm, code: 1)
    run = object.submit(:sign).run

    expect(run).to be_done
    expect(run.step(:pay)).to have_attributes(state: :skipped, reason: "either: confirm")
  end

  it "is forgotten when a person asks for its step again" do
    object = klass { await :sign; await :confirm, early: true }.new.tap(&:start)
    object.submit(:confirm, code: 2)
    object.submit(:sign)
    object.workflow.retry(from: :sign)
    run = object.submit(:sign).run

    expect(run).to be_waiting_for(:confirm)
    expect(run.step(:confirm)).to have_attributes(round: 2, kept?: false)
  end

  it "is judged by a worker where all steps are to be" do
    object = klass { await :sign; await :confirm, early: true; now :ship }.new.tap { |order| order.start(place: :later) }
    object.submit(:confirm, code: 1)
    expect(object.submit(:sign).run).to be_running
    expect(popped).to eq []
    expect { object.now(:confirm) }.to raise_error(Workflow::NotPending)
    work
    eventually("it is done") { object.workflow.done? }
    expect(popped.map(&:last)).to eq %w[worker worker]
  end

  it "makes a submit that comes meanwhile wait for its verdict" do
    object = klass { await :sign; await :confirm, early: true }.new.tap { |order| order.start(place: :later) }
    object.submit(:confirm, code: 2)
    object.submit(:sign)
    late = Thread.new { Early.new.submit(:confirm, code: 1) }
    work

    expect(late.value.run).to be_done
    expect(object.workflow.events.map(&:kind)).to include(:input_rejected, :input_accepted)
  end

  it "fails the step when nobody could judge it", :records do
    table(:parcels) { |t| t.string :code }.class_eval do
      include Workflow
      workflow(on_destroy: :keep) { later :print; await :confirm, early: true }
      def print = destroy!
      def confirm(code:) = update!(code: code)
    end
    parcel = Parcel.start(code: "")
    expect(parcel.submit(:confirm, code: "1")).to be_kept
    run = parcel.workflow
    work
    eventually("it has failed") { run.reload.failed? }

    expect(run.step(:confirm)).to have_attributes(state: :failed, reason: "subject_missing")
  end

  it "takes a validation error of its record for a rejection", :records do
    table(:letters) { |t| t.string :code }.class_eval do
      include Workflow
      validates :code, presence: true, on: :update
      workflow { await :sign; await :confirm, early: true }
      def confirm(code:) = update!(code: code)
    end
    letter = Letter.start({})
    letter.submit(:confirm, code: "")
    submission = letter.submit!(:sign)
    run = submission.run

    expect(submission.errors).to be_empty
    expect(letter.errors[:code]).to eq [ "can't be blank" ]
    expect(run).to be_waiting_for(:confirm)
    expect(run.step(:confirm).reason).to eq "Code can't be blank"
  end
end
