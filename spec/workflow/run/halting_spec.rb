# frozen_string_literal: true

# Runs that a person cancels, pauses, resumes, and steps that a person skips.
RSpec.describe Workflow::Run::Halting do
  # Defines Order with the workflow of the block, and the methods given. A step without one writes its name down.
  def order(options = {}, **methods, &block)
    done = @done = Queue.new
    define("Order") do
      include Workflow
      names = workflow(**options, &block).steps.reject(&:await?).map(&:name)
      names.to_h { |name| [ name, -> { done << name } ] }.merge(methods).each { |name, body| define_method(name, &body) }
    end
  end

  def done = Array.new(@done.size) { @done.pop }
  def states(run) = run.reload.steps.to_h { |step| [ step.name, step.state ] }
  # That a step began is told with its end, or before: whenever it has taken long enough.
  def kinds(run) = run.reload.events.map(&:kind) - [ :step_started ]
  def differences = Workflow::Verification.new(Workflow.configuration.path).differences

  def until_state(run, state)
    eventually("it is #{state}, not #{run.reload.state}: #{states(run)}") { run.reload.state == state }
    run
  end

  # A step that says when it has begun, and ends when it is told to, as it is told to.
  def gated
    @begun, @gate = Queue.new, Queue.new
    begun, gate = @begun, @gate
    -> { begun << true; gate.pop.call }
  end

  # In hand of a worker, in the middle of its method.
  def begun(run)
    work
    @begun.pop
    run
  end

  def let_end(&how) = @gate << (how || -> { })

  # The worker that runs steps is idle again when it has run a step of another run.
  def idle
    probe = define("Probe") { include Workflow; workflow { later :look }; def look; end }.new
    until_state(probe.start, :done)
  end

  describe "cancel" do
    it "cancels a run of a class that this process does not know" do
      run = order { await :confirm }.new.start
      hide_const("Order")
      expect(Workflow::Run.new(Workflow.engine.find(run.id)).cancel).to be_cancelled
    end

    it "cancels at once what nobody holds, and says why" do
      run = order { now :reserve; later :charge; await :confirm; now :ship }.new.start
      expect(run.cancel(reason: "out of stock")).to equal run

      expect([ run.state, run.reason, states(run) ])
        .to eq [ :cancelled, "out of stock", { reserve: :completed, charge: :cancelled, confirm: :cancelled, ship: :cancelled } ]
      expect(run.ended_at).to be_within(5).of(Time.now)
      expect(kinds(run).last(2)).to eq %i[cancel_requested run_cancelled]
      expect(run.events.last(2).map(&:reason)).to eq [ "out of stock", "out of stock" ]
      work
      idle
      expect(done).to eq %i[reserve]
      expect(differences).to be_empty
    end

    it "waits for a step in hand, records its result, and begins nothing more" do
      run = begun(order(charge: gated) { later :charge, result: true; now :ship }.new.start)
      run.cancel(reason: "no")
      expect([ run.state, run.cancelling?, run.reason ]).to eq [ :running, true, "no" ]
      let_end { 42 }
      until_state(run, :cancelled)

      expect([ states(run), run.result(:charge), run.cancelling? ]).to eq [ { charge: :completed, ship: :cancelled }, 42, false ]
      expect(kinds(run)).to eq %i[run_started step_scheduled cancel_requested step_completed run_cancelled]
      expect(done).to be_empty
      expect(differences).to be_empty
    end

    it "is what becomes of a run whose last step was in hand, as asked" do
      run = begun(order(charge: gated) { later :charge }.new.start).cancel
      let_end

      expect(until_state(run, :cancelled).step(:charge)).to be_completed
    end

    it "tries a failing step in hand no more" do
      run = begun(order(charge: gated) { later :charge, retries: 5, backoff: 0 }.new.start).cancel
      let_end { raise IOError, "no bank" }
      until_state(run, :cancelled)

      expect(kinds(run).last(3)).to eq %i[cancel_requested step_failed run_cancelled]
      expect(run.step(:charge).attempts).to eq 1
    end

    it "can be asked for by a step of the run: which ends first" do
      run = order(charge: -> { workflow.cancel(reason: "fraud") }) { now :charge; now :ship }.new.start

      expect([ run.state, run.reason, states(run), done ]).to eq [ :cancelled, "fraud", { charge: :completed, ship: :cancelled }, [] ]
    end

    it "gives back what a caller has kept, and ends the run with the call" do
      run = order(a: -> { workflow.cancel }) { together { now :a; now :b } }.new.start

      expect([ run.state, states(run), done ]).to eq [ :cancelled, { a: :completed, b: :cancelled }, [] ]
      expect(differences).to be_empty
    end

    it "ends what waits, retries, is delayed, has failed or is paused" do
      klass = order(charge: -> { raise IOError }, ship: -> { raise IOError }) { await :confirm }
      runs = [ klass.new.start ]
      delayed = define("Delayed", klass) { workflow { later :charge, wait: 60 } }.new.start
      retrying = define("Retrying", klass) { workflow { now :charge, retries: 1 } }.new.start
      failed = define("Failed", klass) { workflow { now :charge } }.new.start
      paused = define("Paused", klass) { workflow { later :charge } }.new.start.pause
      runs += [ delayed, retrying, failed, paused ]
      expect(runs.map(&:state)).to eq %i[waiting scheduled retrying failed paused]

      expect(runs.map { |run| run.cancel.state }.uniq).to eq [ :cancelled ]
      expect(differences).to be_empty
    end

    it "leaves a cancelled run and one that is being cancelled as it is, and refuses what ended otherwise" do
      run = begun(order(charge: gated) { later :charge }.new.start).cancel(reason: "first")
      expect(run.cancel(reason: "second").reason).to eq "first"
      expect { run.pause }.to raise_error(Workflow::NotPending, /cannot pause: it is being cancelled/)
      let_end
      until_state(run, :cancelled)
      expect(run.cancel(reason: "third").reason).to eq "first"
      expect(run.events.map(&:kind).tally).to include(cancel_requested: 1, run_cancelled: 1)

      over = order { now :a }.new.start
      expect { over.cancel }.to raise_error(Workflow::NotPending, /Order.*cannot cancel: it is done \(run #{over.id}\)/)
      expect { define("Other", over.subject.class).new.workflow.cancel }.to raise_error(Workflow::NotPending, /no run to cancel/)
    end

    it "can be undone step by step: retry(from:) opens a new round" do
      run = order { now :a; later :b; later :c }.new.start.cancel
      run.retry(from: :b)
      work
      until_state(run, :done)

      expect(states(run)).to eq({ a: :completed, b: :completed, c: :completed })
      expect([ run.step(:a).round, run.step(:b).round, run.step(:c).round, run.reason ]).to eq [ 1, 2, 2, nil ]
      expect(differences).to be_empty
    end

    it "lets another run of the object begin" do
      object = order { await :confirm }.new
      first = object.start.cancel

      expect(object.start).not_to be_existing
      expect(object.workflow.id).not_to eq first.id
    end

    it "is heard by an await whose input is being judged: the verdict counts, then it is over" do
      object = order { await :confirm; now :ship }.tap { |klass| klass.define_method(:confirm) { |code:| workflow.cancel } }.new
      object.start
      submission = object.submit(:confirm, code: 1)

      expect([ submission.accepted?, submission.run.state, states(submission.run), done ])
        .to eq [ true, :cancelled, { confirm: :completed, ship: :cancelled }, [] ]
    end

    it "is heard by an await that rejects its input" do
      object = order { await :confirm; now :ship }.tap { |klass| klass.define_method(:confirm) { workflow.cancel; reject "no" } }.new
      object.start

      expect(object.submit(:confirm).run).to be_cancelled
      expect(differences).to be_empty
    end

    it "tells the application" do
      require "active_support/notifications"
      told = []
      run = order { await :confirm }.new.start
      ActiveSupport::Notifications.subscribed(->(*, payload) { told << payload }, "cancel.workflow") { run.cancel(reason: "no") }

      expect(told).to match [ include(run_id: run.id, kind: :run_cancelled, reason: "no") ]
    end
  end

  describe "a reason" do
    def started = order { later :charge; later :ship }.new.start
    def reason_of(run) = run.reload.reason

    it "is kept as text, whatever it came as" do
      { "no \xFF more" => "no \uFFFD more", "geschlossen: \xC3\xA4".b => "geschlossen: ä", "zu sp\xE4t".dup.force_encoding("ISO-8859-1") => "zu spät",
        :late => "late" }.each do |given, kept|
        expect(reason_of(started.pause(reason: given))).to eq kept
        expect(reason_of(started.cancel(reason: given))).to eq kept
        expect(started.skip(:charge, reason: given).reload.step(:charge).reason).to eq kept
      end
    end

    it "that is too long is refused, and nothing is done" do
      run = started
      long = "x" * (65_536 + 1)
      [ -> { run.cancel(reason: long) }, -> { run.pause(reason: long) }, -> { run.skip(:charge, reason: long) } ].each do |halt|
        expect { halt.call }.to raise_error(Workflow::PayloadTooLarge, "The reason takes 65537 bytes: at most 65536 are kept (run #{run.id}). Say it more briefly.")
      end

      expect(kinds(run)).to eq %i[run_started step_scheduled]
      expect(run.cancel(reason: long.chop)).to be_cancelled
    end
  end

  describe "pause" do
    it "lets nothing begin until the run is resumed" do
      run = order { later :a; later :b }.new.start.pause(reason: "stocktaking")
      expect([ run.state, run.reason, states(run) ]).to eq [ :paused, "stocktaking", { a: :ready, b: :pending } ]
      work
      idle
      expect([ done, differences ]).to eq [ [], [] ]
      run.resume
      expect([ run.state, run.reason ]).to eq [ :running, nil ]
      until_state(run, :done)

      expect(done).to eq %i[a b]
      expect(kinds(run).first(4)).to eq %i[run_started step_scheduled run_paused run_resumed]
    end

    it "records what is in hand, and begins what follows when it is resumed" do
      run = begun(order(a: gated) { later :a; await :confirm, expires_in: 60 }.new.start).pause
      let_end
      eventually("a is completed") { run.reload.step(:a).completed? }
      expect([ run.state, states(run) ]).to eq [ :paused, { a: :completed, confirm: :pending } ]
      Workflow.engine.travel(3_600_000)
      run.resume

      expect([ run.state, run.step(:confirm).due_at > Time.now + 3600 ]).to eq [ :waiting, true ] # not expired before anybody could answer
    end

    it "is done when all that was in hand is done" do
      run = begun(order(a: gated) { later :a }.new.start).pause
      let_end

      expect(until_state(run, :done).step(:a)).to be_completed
    end

    it "tries what fails in hand again after it is resumed" do
      run = begun(order(a: gated) { later :a, retries: 1, backoff: 0 }.new.start).pause
      let_end { raise IOError }
      eventually("a retries") { run.reload.step(:a).retrying? }
      idle
      expect(run.reload).to have_attributes(state: :paused, version: run.version)
      run.resume
      @begun.pop
      let_end

      expect(until_state(run, :done).step(:a).attempts).to eq 2
    end

    it "lets a run that fails meanwhile have failed when it is resumed" do
      run = begun(order(a: gated) { later :a }.new.start).pause
      let_end { raise IOError }
      eventually("a has failed") { run.reload.step(:a).failed? }
      expect(run).to be_paused

      expect(run.resume).to be_failed
      expect(kinds(run).last(2)).to eq %i[run_resumed run_failed]
    end

    it "fires no timer, and when it is resumed, what is due, once" do
      klass = order(give_up: -> { }) { await :confirm, expires_in: 60, otherwise: :give_up }
      run = klass.new.start.pause
      work
      Workflow.engine.travel(3_600_000)
      idle
      expect(run.reload.state).to eq :paused
      run.resume
      until_state(run, :expired)

      expect(kinds(run).count(:input_expired)).to eq 1
    end

    it "keeps a delay and a retry for later" do
      run = order(b: -> { raise IOError }) { together { later :a, wait: 60; now :b, retries: 1, backoff: 30 } }.new.start.pause
      work
      Workflow.engine.travel(3_600_000)
      idle
      expect([ run.reload.state, states(run), done ]).to eq [ :paused, { a: :pending, b: :retrying }, [] ]
      run.resume
      until_state(run, :failed)

      expect([ done, run.step(:b).attempts ]).to eq [ %i[a], 2 ]
    end

    it "takes no input, moves no step and retries nothing, and says so" do
      object = order(a: -> { raise IOError }) { await :confirm, fields: { code: String }; now :a }.new
      run = object.start.pause(reason: "stocktaking")
      submission = object.submit(:confirm, code: "1")
      expect([ submission.accepted?, submission.errors.full_messages ])
        .to eq [ false, [ "confirm is not awaited: the workflow is paused: stocktaking." ] ]
      expect { object.submit!(:confirm, wrong: 1) }.to raise_error(Workflow::NotWaiting, /is paused: stocktaking/)
      expect { object.now(:a) }.to raise_error(Workflow::NotPending, /the run is paused: stocktaking. Resume it first/)
      expect { object.later(:a) }.to raise_error(Workflow::NotPending, /the run is paused/)
      expect { run.retry }.to raise_error(Workflow::NotPending, /is paused. Resume it first/)
      expect(object.start).to be_existing.and be_paused
      expect(run.pause(reason: "again")).to have_attributes(reason: "stocktaking")
      run.resume

      expect(object.submit(:confirm, code: "1")).to be_accepted
    end

    it "holds up a run that has failed: resumed, it has failed as before" do
      run = order(a: -> { raise IOError }) { now :a }.new.start.pause(reason: "look")
      expect([ run.state, run.reason ]).to eq [ :paused, "look" ]
      run.resume

      expect([ run.state, run.reason, kinds(run).count(:run_failed) ]).to eq [ :failed, nil, 1 ]
      expect { run.resume }.to raise_error(Workflow::NotPending, /cannot resume: it is failed/)
      expect { define("Other", order { now :x }).new.start.pause }.to raise_error(Workflow::NotPending, /cannot pause: it is done/)
    end

    it "has a caller give back what it kept" do
      run = order(a: -> { workflow.pause }) { together { now :a; now :b } }.new.start
      expect([ run.state, states(run), done ]).to eq [ :paused, { a: :completed, b: :ready }, [] ]
      expect(differences).to be_empty
      run.resume
      work

      expect([ until_state(run, :done), done ]).to eq [ run, %i[b] ]
    end

    it "judges an input that was in hand, accepted or not" do
      object = order { await :confirm; now :ship }.tap { |klass| klass.define_method(:confirm) { |ok:| workflow.pause; reject "no" unless ok } }.new
      run = object.start
      expect(object.submit(:confirm, ok: false).errors.full_messages).to eq [ "no" ]
      expect([ run.reload.state, states(run), differences ]).to eq [ :paused, { confirm: :waiting, ship: :pending }, [] ]
      run.resume
      expect(object.submit(:confirm, ok: true)).to be_accepted
      expect([ run.reload.state, states(run) ]).to eq [ :paused, { confirm: :completed, ship: :pending } ]
      run.resume
      work

      expect([ until_state(run, :done), done ]).to eq [ run, %i[ship] ]
    end

    it "waits for nobody who is gone: what a stopped worker had is begun again when it is resumed" do
      run = order(a: gated) { later :a }.new.start
      begun(run).pause
      workers.each { |worker| worker.stop(timeout: 0) }
      eventually("it was given back") { kinds(run).include?(:lease_lost) }
      expect([ run.state, states(run), kinds(run).last(3), differences ])
        .to eq [ :paused, { a: :ready }, %i[run_paused lease_lost step_scheduled], [] ]
      run.resume
      begun(run)
      let_end

      expect(until_state(run, :done).step(:a).attempts).to eq 2
    end

    it "cancels what a stopped worker had" do
      run = begun(order(a: gated) { later :a; now :b }.new.start).cancel
      workers.each { |worker| worker.stop(timeout: 0) }
      until_state(run, :cancelled)

      expect(differences).to be_empty
    end
  end

  describe "skip" do
    it "passes over whatever nobody holds, and goes on" do
      run = order { later :a; await :confirm; later :b; now :c }.new.start
      expect([ run.skip(:b).step(:b), run.state ]).to match [ have_attributes(state: :skipped, reason: /\Askipped by .+:#{Process.pid}@/), :running ]
      expect(run.skip(:a, reason: "not today")).to be_waiting_for(:confirm)
      run.skip(:confirm)
      expect([ states(run), run.step(:a).reason ])
        .to eq [ { a: :skipped, confirm: :skipped, b: :skipped, c: :ready }, "not today" ]
      work

      expect([ until_state(run, :done), done, differences ]).to eq [ run, %i[c], [] ]
    end

    it "lets a failed run go on" do
      run = order(a: -> { raise IOError }) { now :a; now :b }.new.start
      expect(run).to be_failed
      run.skip(:a)
      expect([ run.state, run.reason, states(run) ]).to eq [ :running, nil, { a: :skipped, b: :ready } ]
      work

      expect(until_state(run, :done).error).to be_nil
    end

    it "leaves a run failed of another step, and ends it with the last" do
      run = order(a: -> { raise IOError }, b: -> { raise IOError }) { together { now :a; now :b } }.new.start
      expect(run.skip(:a)).to be_failed
      expect(run.skip(:b)).to be_done
      expect(kinds(run).count(:run_failed)).to eq 1
    end

    it "ends a delay and a retry" do
      run = order(a: -> { raise IOError }) { now :a, retries: 1; later :b, wait: 60 }.new.start
      expect(run.skip(:a)).to be_scheduled
      expect(run.skip(:b)).to be_done
      expect(differences).to be_empty
    end

    it "takes one await of an either like any other step" do
      run = order { either { await :card; await :transfer }; now :ship }.new.start.skip(:card)

      expect(states(run)).to eq({ card: :skipped, transfer: :waiting, ship: :pending })
    end

    it "is only recorded while the run is paused" do
      run = order { later :a; later :b }.new.start.pause.skip(:a)
      expect([ run.state, states(run) ]).to eq [ :paused, { a: :skipped, b: :pending } ]

      expect(states(run.resume)).to eq({ a: :skipped, b: :ready })
    end

    it "refuses what is held, settled or over, and says so" do
      run = begun(order(a: gated) { later :a; later :b }.new.start)
      eventually("its start is told") { run.reload.step(:a).running? }
      expect { run.skip(:a) }.to raise_error(Workflow::NotPending, /cannot skip a: worker:#{Process.pid}@.* has the step in hand/)
      run.skip(:b)
      expect { run.skip(:b) }.to raise_error(Workflow::NotPending, /cannot skip b: the step is skipped/)
      expect { run.skip(:c) }.to raise_error(ArgumentError, /no step :c/)
      let_end
      until_state(run, :done)
      expect { run.skip(:a) }.to raise_error(Workflow::NotPending, /cannot skip a: it is done/)
    end
  end

  it "can be asked for without the record that the run is about", :records do
    note = table(:notes) { |t| t.string :text }
    note.class_eval { include Workflow; workflow { await :a; await :b }; def go; end }
    record = note.start(text: "a")
    run = record.workflow
    record.delete
    run = Workflow::Run.new(Workflow.engine.find(run.id))

    expect(run.pause.resume.skip(:a).cancel).to be_cancelled
  end
end
