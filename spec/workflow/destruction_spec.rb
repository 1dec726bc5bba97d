# frozen_string_literal: true

# Runs whose record is destroyed: on_destroy:, and steps that destroy their own record.
RSpec.describe Workflow::Destruction, :records do
  def notes(**options, &block)
    table(:notes) { |t| t.string :text; t.string :type }.class_eval do
      include Workflow
      workflow(**options, &block)
      def a = nil
      def leave = destroy!
    end
    Note
  end

  def override(klass, name, &body)
    klass.remove_method(name)
    klass.define_method(name, &body)
  end

  def states(run) = run.reload.steps.to_h { |step| [ step.name, step.state ] }
  def differences = Workflow::Verification.new(Workflow.configuration.path).differences

  def until_state(run, state)
    eventually("it is #{state}, not #{run.reload.state}: #{states(run)}") { run.reload.state == state }
    run
  end

  it "cancels the open run when the record is destroyed, and the record still answers for it" do
    record = notes { await :confirm; now :a }.start(text: "x")
    run = record.workflow
    record.destroy!

    expect(run.reload).to have_attributes(state: :cancelled, reason: "destroyed")
    expect(record.workflow).to have_attributes(id: run.id, state: :cancelled)
    expect(record.submit(:confirm).errors.full_messages).to eq [ "confirm is not awaited: the workflow is cancelled: destroyed." ]
    expect(differences).to be_empty
  end

  it "does so at commit, and not when the transaction is rolled back" do
    record = notes { await :confirm }.start(text: "x")
    Note.transaction do
      record.destroy!
      expect(record.workflow).to be_waiting
      raise ActiveRecord::Rollback
    end
    expect(record.workflow.reload).to be_waiting
    Note.transaction { Note.find(record.id).destroy! }

    expect(record.workflow.reload).to be_cancelled
  end

  it "keeps the run with on_destroy: :keep" do
    record = notes(on_destroy: :keep) { await :confirm; now :a }.start(text: "x")
    record.destroy!

    expect(record.workflow).to be_waiting
    expect(record.submit(:confirm).run).to be_done
  end

  it "asks each workflow for itself, and once a record, in subclasses too" do
    notes { await :confirm }
    Note.class_eval { workflow(:audit, on_destroy: :keep) { await :sign } }
    memo = define("Memo", Note) { workflow(:other, unique: false) { await :read } }
    record = memo.create!(text: "x")
    runs = [ record.start(:workflow), record.start(:audit), record.start(:other), record.start(:other) ]
    cancels = 0
    require "active_support/notifications"
    ActiveSupport::Notifications.subscribed(->(*) { cancels += 1 }, "cancel.workflow") { record.destroy! }

    expect(runs.map { |run| run.reload.state }).to eq %i[cancelled waiting cancelled cancelled]
    expect(cancels).to eq 3
  end

  it "leaves runs of other records and of single methods" do
    klass = notes { await :confirm }
    other = klass.start(text: "y").workflow
    record = klass.create!(text: "x")
    run = record.later(:a)
    record.destroy!

    expect([ other.reload.state, run.reload.state ]).to eq %i[waiting running]
  end

  it "cancels what a worker has in hand after its end" do
    begun, gate = Queue.new, Queue.new
    klass = notes { later :a; now :leave }
    override(klass, :a) { begun << true; gate.pop }
    record = klass.start(text: "x")
    work
    begun.pop
    record.destroy!
    expect(record.workflow).to have_attributes(state: :running, cancelling?: true)
    gate << true

    expect(states(until_state(record.workflow, :cancelled))).to eq({ a: :completed, leave: :cancelled })
  end

  describe "in a step of the run itself" do
    it "lets the last step end the run as done, here and at a worker" do
      expect(notes { now :a; now :leave }.start(text: "x").workflow).to be_done
      run = notes { later :leave }.start(text: "x").workflow
      work

      expect(until_state(run, :done).events.map(&:kind)).not_to include(:cancel_requested)
    end

    it "cancels the run after any other step, in the same moment" do
      run = notes { now :leave; now :a }.start(text: "x").workflow

      expect([ run.state, run.reason, states(run) ]).to eq [ :cancelled, "destroyed", { leave: :completed, a: :cancelled } ]
      expect(run.events.map(&:kind).last(4)).to eq %i[step_started step_completed cancel_requested run_cancelled]
      expect(differences).to be_empty
    end

    it "lets a run that expires be expired" do
      run = notes { await :confirm, expires_in: 60, otherwise: :leave }.start(text: "x").workflow
      Workflow.engine.travel(61_000)
      work

      expect(until_state(run, :expired).step(:confirm).reason).to eq "expired"
      expect(differences).to be_empty
    end

    it "ends a run whose await was answered by it" do
      klass = notes { await :close; later :a }
      klass.define_method(:close) { destroy! }
      submission = klass.start(text: "x").submit(:close)

      expect([ submission.accepted?, submission.run.state ]).to eq [ true, :cancelled ]
      klass = notes { await :close }
      klass.define_method(:close) { destroy! }
      expect(klass.start(text: "x").submit(:close).run).to be_done
    end

    it "asks nobody for another input when one that came early is rejected after it" do
      klass = notes { await :sign; await :close, early: true; now :a }
      klass.define_method(:close) { destroy! && reject("no") }
      record = klass.start(text: "x")
      record.submit(:close)
      run = record.submit(:sign).run

      expect([ run.state, states(run) ]).to eq [ :cancelled, { sign: :completed, close: :cancelled, a: :cancelled } ]
      expect(run.events.map(&:kind).last(4)).to eq %i[step_started input_rejected cancel_requested run_cancelled]
      expect(differences).to be_empty
    end

    it "tries the step no more when it fails after it: there is nothing to try it on" do
      klass = notes { now :leave, retries: 5 }
      override(klass, :leave) { destroy! && raise(IOError, "too late") }
      run = klass.start(text: "x").workflow

      expect([ run.state, run.step(:leave).attempts, run.events.map(&:kind).last(3) ])
        .to eq [ :cancelled, 1, %i[step_failed cancel_requested run_cancelled] ]
    end

    it "cancels the run though the step, or the await's method, is interrupted after it" do
      begun = Queue.new
      klass = notes { await :confirm; later :a }
      klass.define_method(:confirm) { destroy! && begun << true && sleep }
      override(klass, :a) { destroy! && begun << true && sleep }
      record = klass.start(text: "x")
      submitting = Thread.new { record.submit(:confirm) }
      begun.pop
      submitting.kill.join
      expect(until_state(record.workflow, :cancelled)).to have_attributes(reason: "destroyed")

      other = klass.start(text: "y").workflow.skip(:confirm)
      worker = work
      begun.pop
      worker.stop(timeout: 0)

      expect([ until_state(other, :cancelled).reason, states(other) ]).to eq [ "destroyed", { confirm: :skipped, a: :cancelled } ]
      expect(differences).to be_empty
    end

    it "waits for what other branches have in hand" do
      begun, gate = Queue.new, Queue.new
      klass = notes { together { later :a; now :leave } }
      override(klass, :a) { begun << true; gate.pop }
      override(klass, :leave) { begun.pop && destroy! } # else `a` may find no record any more
      record = klass.create!(text: "x")
      work
      run = record.start(place: :later)
      eventually("leave has ended") { run.reload.step(:leave).completed? }
      expect(run).to have_attributes(state: :running, cancelling?: true)
      gate << true

      expect(states(until_state(run, :cancelled))).to eq({ a: :completed, leave: :completed })
    end

    it "finds the run through a step that another run's step runs within" do
      parent = notes { now :nested; now :a }
      child = define("Child") do
        include Workflow
        remembers :note
        attr_reader :note
        def initialize(note) = @note = note
        workflow { now :end_it }
        def end_it = Note.find(note).destroy!
      end
      parent.define_method(:nested) { child.start(id) }
      run = parent.start(text: "x").workflow

      expect([ run.state, states(run) ]).to eq [ :cancelled, { nested: :completed, a: :cancelled } ]
    end
  end

  it "fails a run whose record was deleted past us, at once, as subject_missing" do
    record = notes { later :a, retries: 5 }.start(text: "x")
    record.delete
    work

    expect(until_state(record.workflow, :failed).step(:a)).to have_attributes(reason: "subject_missing", attempts: 1)
  end

  it "refuses what is not built" do
    expect { notes(on_destroy: :undo) { now :a } }.to raise_error(Workflow::DefinitionError, /on_destroy: must be :cancel or :keep \(:undo is not built yet\), not :undo/)
  end
end
