# frozen_string_literal: true

# Runs whose steps are more than one after another: side by side, one of several, skipped, delayed.
RSpec.describe Workflow::Definition, "as a graph of steps" do
  # Defines Order with the workflow of the block, and the methods given. A step without one writes its name down.
  def order(**methods, &block)
    done = @done = Queue.new
    define("Order") do
      include Workflow
      names = workflow(&block).steps.reject(&:await?).map(&:name)
      names.to_h { |name| [ name, -> { done << name } ] }.merge(methods).each { |name, body| define_method(name, &body) }
    end
  end

  def done = Array.new(@done.size) { @done.pop }
  def states(run) = run.reload.steps.to_h { |step| [ step.name, step.state ] }
  def kinds_of(run, step) = run.events.select { |event| event.step == step }.map(&:kind)

  def until_state(run, state)
    eventually("it is #{state}, not #{run.reload.state}: #{states(run)}") { run.reload.state == state }
    run
  end

  it "joins what runs side by side" do
    run = order { now :a; together { later :b; later :c; now :d }; later :e }.new.start
    expect(done).to eq %i[a d]
    work
    until_state(run, :done)

    expect(done).to match_array(%i[b c e]).and end_with(:e)
  end

  it "has the caller run every now step that its call released, in the order written" do
    run = order { together { now :a; now :b }; now :c; together { now :d; now :e } }.new.start

    expect(done).to eq %i[a b c d e]
    expect(run).to be_done
  end

  it "goes on with the siblings after one has failed, and then fails" do
    run = order(a: -> { raise IOError }) { together { now :a; now :b }; now :c }.new.start

    expect(done).to eq %i[b]
    expect([ run.state, states(run) ]).to eq [ :failed, { a: :failed, b: :completed, c: :pending } ]
  end

  it "starts at every root, and follows after:" do
    run = order { later :last, after: %i[a b]; now :a, after: []; now :b, after: [] }.new.start
    expect(done).to eq %i[a b]
    work
    until_state(run, :done)

    expect(done).to eq %i[last]
  end

  it "takes the first of several awaits, and skips the others" do
    run = order { either { await :card; await :transfer }; now :ship }.new.start
    expect([ run.state, states(run) ]).to eq [ :waiting, { card: :waiting, transfer: :waiting, ship: :pending } ]
    run = run.submit(:transfer, iban: 1).run

    expect(run).to be_done
    expect([ run.step(:card).state, run.step(:card).reason ]).to eq [ :skipped, "either: transfer" ]
    expect(run.submit(:card)).not_to be_accepted
    expect(done).to eq %i[ship]
  end

  it "takes an either as one branch of together" do
    run = order { together { later :pack; either { await :card; await :transfer } }; now :ship }.new.start
    expect(run.submit(:card)).to be_accepted
    work
    until_state(run, :done)

    expect([ states(run), done ]).to eq [ { pack: :completed, card: :completed, transfer: :skipped, ship: :completed }, %i[pack ship] ]
  end

  describe "conditions" do
    it "skip a step, say why, and let the next one go on" do
      klass = order { now :pack, unless: :digital?; now :mail, if: [ -> { true }, ->(order) { order.nil? } ]; now :thank, if: :digital? }
      klass.class_eval { private def digital? = true }
      run = klass.new.start

      expect(done).to eq %i[thank]
      expect(run).to be_done
      expect(run.events.select { |event| event.kind == :step_skipped }.map(&:reason))
        .to match [ "unless: digital?", %r{\Aif: a proc at .*graph_spec\.rb:#{__LINE__ - 7}\z} ]
    end

    it "skip a worker's step and the last one" do
      run = order { later :pack, if: -> { false } }.new.start
      work
      until_state(run, :done)

      expect([ states(run), done ]).to eq [ { pack: :skipped }, [] ]
    end

    it "that raise are failed attempts, and are asked again" do
      asked = 0
      run = order { later :pack, retries: 1, backoff: 0, if: -> { (asked += 1) > 1 || raise(IOError) } }.new.start
      work
      until_state(run, :done)

      expect([ asked, done ]).to eq [ 2, %i[pack] ]
      expect(kinds_of(run, :pack)).to include(:step_failed)
    end

    it "are not asked again once they were met" do
      asked = 0
      run = order(pack: -> { raise IOError if workflow.attempt < 3 }) { later :pack, retries: 2, backoff: 0, if: -> { asked += 1 } }.new.start
      work
      until_state(run, :done)

      expect([ asked, run.step(:pack).attempts ]).to eq [ 1, 3 ]
    end

    it "may reject, as a step may" do
      run = order(sound?: -> { reject "broken" }) { now :pack, retries: 3, if: :sound? }.new.start

      expect([ run.state, run.step(:pack).reason ]).to eq [ :failed, "rejected" ]
    end

    it "know the run" do
      run = order(charge: -> { 5 }) { now :charge, result: true; now :pack, if: -> { workflow.result(:charge) > 5 } }.new.start

      expect(states(run)).to eq(charge: :completed, pack: :skipped)
    end

    it "of an await are asked before it opens, in the caller's breath" do
      run = order(trusted?: -> { true }) { now :a; await :confirm, unless: :trusted?; await :sign, if: :trusted? }.new.start

      expect(states(run)).to eq(a: :completed, confirm: :skipped, sign: :waiting)
      expect(run.step(:confirm).reason).to eq "unless: trusted?"
      expect(run.subject.submit(:sign).run).to be_done
    end

    it "of an await are a worker's after a worker's step" do
      run = order { later :a; await :confirm, if: -> { true } }.new.start
      work
      until_state(run, :waiting)

      expect(kinds_of(run, :confirm)).to include(:input_requested)
    end

    it "of an await that raise fail it; retry asks again" do
      good = false
      run = order { await :confirm, if: -> { good || raise(IOError) } }.new.start
      expect([ run.state, run.error.class_name ]).to eq [ :failed, "IOError" ]
      good = true
      run.retry
      work

      expect(until_state(run, :waiting)).to be_waiting_for(:confirm)
    end
  end

  describe "wait:" do
    it "delays a step, which a worker runs when it is due" do
      run = order { now :a; now :remind, wait: 2 * 86_400; now :b }.new.start
      expect([ run.state, run.step(:remind).state, done ]).to eq [ :scheduled, :pending, %i[a] ]
      expect(run.step(:remind).due_at).to be_within(60).of(Time.now + 2 * 86_400)
      work
      Workflow.engine.travel(2 * 86_400_000 + 1000)
      until_state(run, :done)

      expect(done).to eq %i[remind b]
      expect(run.step(:remind).by).to start_with("worker:")
    end

    it "ends at once with now and later" do
      klass = order { now :a, wait: 3600; now :b, wait: 3600 }
      klass.new.start
      expect(klass.new.now(:a).step(:a)).to be_completed
      run = klass.new.later(:b)
      work
      until_state(run, :done)

      expect(done).to eq %i[a b]
    end

    it "delays the opening of an await" do
      run = order { await :review, wait: 3600 }.new.start
      expect(run).to be_scheduled
      work
      Workflow.engine.travel(3_601_000)

      expect(until_state(run, :waiting)).to be_waiting_for(:review)
    end

    it "asks a condition only when the delay is over" do
      asked = []
      run = order { later :remind, wait: 3600, if: -> { asked << 1 && false } }.new.start
      work
      expect([ run.reload.state, asked ]).to eq [ :scheduled, [] ]
      Workflow.engine.travel(3_601_000)

      expect(until_state(run, :done).step(:remind)).to be_skipped
    end
  end

  describe "result:" do
    it "keeps what a step returns" do
      seen = []
      methods = { charge: -> { { id: 7 } }, book: -> { seen << workflow.result(:charge) && "not kept" }, ship: -> { } }
      run = order(**methods) { now :charge, result: true; now :book; later :ship, result: true }.new.start
      work
      until_state(run, :done)

      expect([ run.result(:charge), run.result(:book), run.result(:ship), *seen ]).to eq [ { id: 7 }, nil, nil, { id: 7 } ]
    end

    { NotSerializable: Object.new, PayloadTooLarge: "x" * (1 << 21) }.each do |error, value|
      it "fails for good what cannot be kept: #{error}" do
        run = order(charge: -> { value }) { now :charge, result: true, retries: 5 }.new.start
        step = run.step(:charge)

        expect([ run.state, step.state, step.reason, step.error.class_name ]).to eq [ :failed, :failed, "result", "Workflow::#{error}" ]
        expect(step.error.message).to start_with("the result of Order#charge")
      end
    end

    it "keeps what a single method returns" do
      define("Index") { include Workflow; step :call, result: true; def call(name) = "built #{name}" }
      run = Index.new.later(:call, "books")
      work
      until_state(run, :done)

      expect(run.result(:call)).to eq "built books"
    end
  end
end
