# frozen_string_literal: true

# `workflow while: …`: asked before each step; once it is not met, the run is cancelled.
RSpec.describe "workflow while:" do
  def order(asked, **methods, &block)
    done = @done = Queue.new
    define("Order") do
      include Workflow
      names = workflow(while: asked, &block).steps.reject(&:await?).map(&:name)
      names.to_h { |name| [ name, -> { done << name } ] }.merge(methods).each { |name, body| define_method(name, &body) }
    end
  end

  def done = Array.new(@done.size) { @done.pop }
  def states(run) = run.reload.steps.to_h { |step| [ step.name, step.state ] }
  # That a step began is told with its end, or before: whenever it has taken long enough.
  def kinds(run) = run.events.map(&:kind) - [ :step_started ]
  def differences = Workflow::Verification.new(Workflow.configuration.path).differences

  def until_state(run, state)
    eventually("it is #{state}, not #{run.reload.state}: #{states(run)}") { run.reload.state == state }
    run
  end

  it "is asked before each step, and cancels the run when it says no, whoever has the turn" do
    active = true
    run = order(:active?, active?: -> { active }) { now :a; later :b; later :c }.new.start
    active = false
    work
    until_state(run, :cancelled)

    expect([ run.reason, states(run), done ]).to eq [ "while: active?", { a: :completed, b: :cancelled, c: :cancelled }, %i[a] ]
    expect(kinds(run)).to eq %i[run_started step_scheduled step_completed step_scheduled cancel_requested run_cancelled]
    expect(differences).to be_empty
  end

  it "is asked in the caller too, before the step's own conditions" do
    asked = []
    run = order([ -> { asked << :first }, ->(order) { asked << order.class && false } ]) { now :a, if: -> { asked << :own } }.new.start

    expect([ run.state, asked, done ]).to eq [ :cancelled, [ :first, Order ], [] ]
    expect(run.reason).to match(/\Awhile: a proc at .*while_spec\.rb:\d+\z/)
  end

  it "is asked before an await opens" do
    run = order(:active?, active?: -> { false }) { await :confirm; now :a }.new.start

    expect([ run.state, states(run) ]).to eq [ :cancelled, { confirm: :cancelled, a: :cancelled } ]
    expect(run.events.map(&:kind)).not_to include(:input_requested)
  end

  it "is asked before an input is judged, which is refused then" do
    active, judged = true, false
    object = order(:active?, active?: -> { active }) { await :confirm; now :a }.tap { |klass| klass.define_method(:confirm) { judged = true } }.new
    run = object.start
    expect(run).to be_waiting
    active = false
    submission = object.submit(:confirm)

    expect([ submission.accepted?, submission.errors.full_messages, judged ])
      .to eq [ false, [ "confirm is not awaited: the workflow is cancelled: while: active?." ], false ]
    expect(submission.run).to be_cancelled
    expect { object.submit!(:confirm) }.to raise_error(Workflow::NotWaiting, /cancelled: while: active\?/)
    expect(differences).to be_empty
  end

  it "is asked before otherwise" do
    active = true
    run = order(:active?, active?: -> { active }, give_up: -> { raise "not to be called" }) { await :confirm, expires_in: 60, otherwise: :give_up }.new.start
    active = false
    Workflow.engine.travel(61_000)
    work

    expect(until_state(run, :cancelled).reason).to eq "while: active?"
  end

  it "that raises is a failed attempt, and is asked again" do
    asked = 0
    run = order(-> { (asked += 1) > 1 || raise(IOError) }) { later :a, retries: 1, backoff: 0 }.new.start
    work

    expect([ until_state(run, :done).step(:a).attempts, done ]).to eq [ 2, %i[a] ]
  end

  it "that raises at a submission is a fault, and the run goes on waiting" do
    broken = false
    object = order(-> { broken ? raise(IOError, "no") : true }) { await :confirm }.new
    object.start
    broken = true

    expect { object.submit(:confirm) }.to raise_error(IOError)
    expect(object.workflow).to be_waiting
  end

  it "lets other branches end what they have in hand" do
    begun, gate, active = Queue.new, Queue.new, true
    run = order(:active?, active?: -> { active }, a: -> { begun << true; gate.pop }) { together { later :a; later :b, wait: 60 } }.new.start
    work
    begun.pop
    active = false
    run.now(:b)
    expect(run.reload).to have_attributes(state: :running, cancelling?: true, reason: "while: active?")
    gate << true

    expect(states(until_state(run, :cancelled))).to eq({ a: :completed, b: :cancelled })
  end

  it "needs its method, and takes what if: takes" do
    expect { order(:active?) { now :a }.new.start }.to raise_error(Workflow::DefinitionError, /while: needs a method active\? in Order/)
    expect { order(17) { now :a } }.to raise_error(Workflow::DefinitionError, /while: must be the name of a method, a proc/)
  end
end
