# frozen_string_literal: true

RSpec.describe "once: of a step" do
  let(:gate) { Queue.new }
  let(:entered) { Queue.new }

  def paying(kind = :later, **options, &body)
    inside, door = entered, gate
    body ||= -> { (inside << Thread.current) && door.pop }
    define("Paying") do
      include Workflow
      workflow { public_send(kind, :pay, once: true, **options); later :thank }
      define_method(:pay, &body)
      define_method(:thank) { nil }
      def ready? = true
      def never? = false
    end
  end

  # Its start is told once more if finding the object and asking the conditions took long enough to tell that before.
  def kinds(run) = run.reload.events.select { |event| event.step == :pay }.map(&:kind).uniq

  it "has its start in the log before the method is entered" do
    seen = nil
    paying { seen = Workflow.engine.find(workflow.id)[:steps].first.values_at(:state, :once) }
    work(threads: 1)
    run = Paying.start.workflow

    eventually("it is done") { run.reload.done? }
    expect(seen).to eq [ :running, true ]
    expect(kinds(run)).to eq %i[step_scheduled step_started step_completed]
  end

  it "fails as interrupted when its thread is killed, and is never started again by itself" do
    paying
    work(threads: 1)
    run = Paying.start.workflow
    entered.pop.kill

    eventually("it has failed") { run.reload.failed? }
    expect(run.step(:pay)).to have_attributes(state: :failed, reason: "interrupted", attempts: 1)
    expect(run.error.to_s).to match(/Workflow::Interrupted: it was begun and did not end, and runs once.* retry/)
    expect(kinds(run)).to eq %i[step_scheduled step_started lease_lost step_failed]
    expect(entered).to be_empty
  end

  it "runs again in a round that a person asks for" do
    paying
    work(threads: 1)
    run = Paying.start.workflow
    entered.pop.kill
    eventually("it has failed") { run.reload.failed? }
    run.retry
    gate << 1

    eventually("it is done") { run.reload.done? }
    expect(run.step(:pay)).to have_attributes(round: 2, reason: nil, error: nil)
  end

  it "fails for good when its method raises, whatever the code says of retries by then" do
    paying(:now) { raise IOError, "declined" }
    run = Paying.new.start

    expect(run).to be_failed
    expect(run.step(:pay)).to have_attributes(reason: nil, error: have_attributes(class_name: "IOError"))
  end

  it "is interrupted when the worker stops before it has ended" do
    paying
    worker = work(threads: 1)
    run = Paying.start.workflow
    entered.pop

    expect(worker.stop(timeout: 0.05)).to be false
    eventually("it has failed") { run.reload.failed? }
    expect(run.step(:pay).reason).to eq "interrupted"
  end

  it "goes back untouched as long as it was not begun" do
    paying
    run = Paying.new.start
    engine = Workflow.engine
    hand = engine.hand
    engine.work(1, "worker:1@spec")
    hand.take(5000)
    hand.give_back
    engine.work(0, "worker:1@spec")
    eventually("it is free") { engine.in_hand.zero? }

    expect(run.reload.step(:pay)).to have_attributes(state: :ready, attempts: 1)
    expect(kinds(run)).to eq %i[step_scheduled]
    gate << 1
    work(threads: 1)
    eventually("it is done") { run.reload.done? }
  end

  it "asks its conditions before it begins" do
    paying(if: :never?)
    work(threads: 1)
    run = Paying.start.workflow

    eventually("it is done") { run.reload.done? }
    expect(kinds(run)).not_to include(:step_completed)
    expect(run.step(:pay)).to be_skipped
    expect(entered).to be_empty
  end

  it "does not run for a caller whose claim is gone" do
    paying(:now)
    run = Paying.new.start(place: :later)
    hand = Workflow.engine.hand
    expect(hand.now(run.id, "pay", "web:1@spec").first).to eq :claimed
    other = hand.begin(Paying.workflow.blueprint(Paying))

    expect(other).to eq :ok
    expect(hand.begin(Paying.workflow.blueprint(Paying))).to eq :stale
    hand.give_back
    eventually("it has failed") { run.reload.failed? }
  end

  it "times out for good, and a result after that is refused" do
    paying(timeout: 0.02)
    work(threads: 1)
    run = Paying.start.workflow
    eventually("it has failed") { run.reload.failed? }
    gate << 1

    eventually("nothing is in hand") { Workflow.engine.in_hand.zero? }
    expect(run.reload.step(:pay)).to have_attributes(state: :failed, reason: "timeout")
  end
end
