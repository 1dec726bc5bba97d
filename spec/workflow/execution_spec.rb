# frozen_string_literal: true

RSpec.describe Workflow::Execution do
  let(:run) { step.start.workflow.reload }

  # A class of one step, which does what the block does.
  def step(**options, &body)
    @step ||= define("OneStep") do
      include Workflow
      workflow { now :go, **options }
      define_method(:go, &body)
    end
  end

  it "records where in the application an attempt failed" do
    step { raise IOError, "no" }

    failed = run.events.find { |event| event.kind == :step_failed }
    expect(failed.data).to include(where: /execution_spec\.rb:#{__LINE__ - 3}\z/, error: have_attributes(class_name: "IOError", message: "no"))
  end

  it "records code that is not there, and a stack that is too deep, as failures of the step" do
    [ NotImplementedError, LoadError, SystemStackError ].each do |error|
      @step = nil
      hide_const("OneStep") if defined?(OneStep)
      step { raise error, "no" }
      expect(step.new.start).to be_failed
      step.new.workflow.retry(from: :go)
      expect(step.new.now(:go).error.class_name).to eq error.name
    end
  end

  it "keeps messages that are long, or no text" do
    step { raise "x" * 100_000 + "\xff" }

    expect(run.events.find(&:error).error.message.bytesize).to be <= 10_000
  end

  it "stops at once on give_up_on, and on all but retry_on" do
    step(retries: 3, retry_on: IOError) { raise KeyError }

    expect(run).to be_failed
  end

  it "waits as long as the backoff proc says" do
    step(retries: 1, backoff: ->(attempt) { attempt * 1000 }) { raise "no" }

    expect(run.step(:go).due_at).to be_within(10).of(Time.now + 1000)
  end

  it "waits as usual when the backoff proc is broken, and reports that" do
    step(retries: 1, backoff: ->(_) { raise "broken" }) { raise "no" }

    expect(run.step(:go).due_at).to be_within(5).of(Time.now + 3)
    expect(run).to be_retrying
  end

  it "gives back, and records no failure, when it is not the step that ended" do
    step { throw :elsewhere }
    catch(:elsewhere) { step.start }
    run = step.new.workflow
    eventually("it is ready again") { run.reload.step(:go).attempts == 2 }
    expect(run.step(:go)).to be_ready
    expect(run.events.map(&:kind)).to include(:lease_lost)
    expect(run.events.map(&:kind)).not_to include(:step_failed)
    eventually("nothing is in hand") { Workflow.engine.in_hand.zero? }
  end

  it "gives back on errors that are none of the step's" do
    step { raise Interrupt }

    expect { step.start }.to raise_error(Interrupt)
    eventually("nothing is in hand") { Workflow.engine.in_hand.zero? }
    expect(described_class.current).to be_nil
  end

  it "keeps apart the steps that a step starts" do
    seen = []
    define("Inner") { include Workflow; workflow { now :go }; define_method(:go) { seen << workflow.id } }
    step { seen << workflow.id << Inner.new.tap(&:start) << workflow.id }
    outer = run.id

    expect(seen[0]).to eq outer
    expect(seen[1]).not_to eq outer
    expect(seen[3]).to eq outer
  end

  it "rejects from anywhere inside a step, and nowhere else" do
    define("Helper") { include Workflow; def check = reject("not good") }
    step { Helper.new.check }

    expect(run.step(:go).reason).to eq "rejected"
    expect { Helper.new.check }.to raise_error(Workflow::Error, /inside a step/)
  end

  it "pauses a run whose step the code no longer has, and holds nothing against the step" do
    step { nil }
    run = step.new.start(place: :later)
    define("OneStep") { include Workflow; workflow { now :other }; def other; end }
    work

    eventually("it is paused") { run.reload.paused? }
    expect(run.reason).to match(/OneStep's workflow \(.*execution_spec.rb:\d+\) has no step go any more/)
    # That it was taken is told if finding out took long enough, and then that it went back.
    expect(run.events.map(&:kind).uniq - %i[step_started lease_lost]).to eq %i[run_started step_scheduled run_paused]
    expect(run.step(:go)).to have_attributes(state: :ready, reason: nil, error: nil)
  end

  it "fails a run whose class is gone" do
    step { nil }
    run = step.new.start(place: :later)
    hide_const("OneStep")
    work

    eventually("it is failed") { run.reload.failed? }
    expect(run.error.to_s).to match(/DefinitionError: A run is about OneStep, which this process does not know/)
  end

  it "fails a run whose record is gone as subject_missing", :records do
    note = table(:notes) { |t| t.string :text }
    note.class_eval { include Workflow; workflow { later :go, retries: 5 }; def go; end }
    run = (record = note.start(text: "a")).workflow
    record.delete
    work

    eventually("it is failed") { run.reload.failed? }
    expect(run.step(:go)).to have_attributes(reason: "subject_missing", attempts: 1)
  end

  it "reports failures, handled when another attempt follows" do
    reported = []
    stub_const("Rails", Module.new { define_singleton_method(:error) { Object.new.tap { |reporter| reporter.define_singleton_method(:report) { |error, **given| reported << [ error.message, given ] } } } })
    step(retries: 1, backoff: 60) { raise "no" }
    step.start
    step.new.now(:go)

    expect(reported.map { |_, given| given[:handled] }).to eq [ true, false ]
    expect(reported.first).to match [ "no", include(source: "workflow", context: include(run_id: run.id, step: :go, attempt: 1)) ]
  end
end
