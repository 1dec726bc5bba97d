# frozen_string_literal: true

RSpec.describe Workflow::Execution::Telling do
  # A class of one step, which does what the block does.
  def importing(kind = :now, **options, &body)
    define("Import") do
      include Workflow
      workflow { public_send(kind, :rows, **options) }
      define_method(:rows, &body)
    end
  end

  # The one run of it: started, or after a failure once more.
  def attempt!
    return Import.new.start! if Import.new.workflow.none?
    Import.new.workflow.retry(from: :rows)
    Import.new.now!(:rows)
  end

  def of_kind(run, kind) = run.events.select { |event| event.kind == kind }

  describe "progress" do
    it "is in the log, and in the step, before the next line runs" do
      seen = []
      importing do
        progress 4, of: 10, message: "books", cursor: 44
        seen << workflow.reload.step(:rows).progress.to_h
      end
      run = Import.start.workflow

      expect(seen).to eq [ { done: 4, of: 10, message: "books", cursor: 44 } ]
      expect(of_kind(run, :progressed).map { |event| event.data[:progress].percent }).to eq [ 40 ]
      expect(run.step(:rows).progress).to have_attributes(done: 4, percent: 40, to_s: "4 of 10: books")
      expect(of_kind(run, :progressed).first).to have_attributes(step: :rows, attempt: 1)
    end

    it "hands its cursor to the next lines and to the next attempt, not to the next round" do
      cursors = []
      importing(retries: 1, backoff: 0) do
        cursors << workflow.cursor
        progress(workflow.attempt, cursor: { "id" => workflow.attempt })
        progress(9, of: 10)
        cursors << workflow.cursor
        raise "no" if workflow.attempt == 1
      end
      work(threads: 1)
      run = Import.start.workflow
      eventually("it is done") { run.reload.done? }
      expect(cursors).to eq [ nil, { "id" => 1 }, { "id" => 1 }, { "id" => 2 } ]
      run.retry(from: :rows)

      eventually("it is done again") { run.reload.step(:rows).round == 2 && run.done? }
      expect(cursors[4]).to be_nil
    end

    it "outlives the process that told it, as state" do
      importing { progress(1, of: 3, cursor: Time.utc(2026)) }
      Import.start
      Workflow.runtime.stop

      expect(Import.new.workflow.step(:rows).progress).to have_attributes(percent: 33, cursor: Time.utc(2026))
    end

    it "knows no percentage without a number of all, and stays within a hundred" do
      expect([ [ 5, nil ], [ nil, 5 ], [ 7, 5 ], [ 0, 5 ], [ 2.5, 5 ] ].map { |done, of| Workflow::Progress.new(done: done, of: of).percent })
        .to eq [ nil, nil, 100, 0, 50 ]
    end

    it "refuses what is too large, what cannot be written, and numbers that say nothing" do
      { { cursor: "x" * 4096 } => Workflow::PayloadTooLarge, { cursor: Object.new } => Workflow::NotSerializable,
        { of: 0 } => ArgumentError, { of: -1 } => ArgumentError, { of: Float::NAN } => ArgumentError, { of: "ten" } => ArgumentError }.each do |given, error|
        importing { progress(1, **given) }
        expect { attempt! }.to raise_error(error)
      end
      [ -1, "x", Float::INFINITY, Complex(1, 1) ].each do |done|
        importing { progress(done) }
        expect { attempt! }.to raise_error(ArgumentError, /done is a number from 0/)
      end
      expect(of_kind(Import.new.workflow, :progressed)).to be_empty
    end

    it "says in the error whose it is, and what to do" do
      importing { progress(1, cursor: "x" * 5000) }

      expect { Import.start! }.to raise_error(Workflow::PayloadTooLarge, /progress of Import#rows \(run \w+, attempt 1\) takes 50\d\d bytes; .* 4096 .* Save what is larger/)
    end
  end

  describe "note" do
    it "is a fact in the log" do
      importing { [ note(:declined, by: "bank", code: 51), note("bare") ] }
      run = Import.start.workflow

      expect(of_kind(run, :noted).map { |event| event.data.slice(:kind, :facts) })
        .to eq [ { kind: :declined, facts: { by: "bank", code: 51 } }, { kind: :bare, facts: {} } ]
      expect(of_kind(run, :noted).first).to have_attributes(step: :rows, attempt: 1)
      expect(of_kind(run, :noted).first.data).not_to have_key(:reason)
    end

    it "works while an input is judged" do
      define("Confirmation") do
        include Workflow
        workflow { await :confirm }
        def confirm(code:)
          note :tried, code: code
          reject "No." unless code == 1
        end
      end
      run = Confirmation.start.workflow
      2.downto(1) { |code| Confirmation.new.submit(:confirm, code: code) }

      expect(run.reload.events.map(&:kind)).to eq %i[run_started input_requested noted input_rejected noted input_accepted step_completed run_done]
      expect(of_kind(run, :noted).map { |event| event.data[:facts] }).to eq [ { code: 2 }, { code: 1 } ]
    end

    it "refuses what is no word, what is too large, and what cannot be written" do
      [ [ "", {} ], [ " ", {} ], [ "x" * 201, {} ], [ nil, {} ] ].each do |kind, facts|
        importing { note(kind, **facts) }
        expect { attempt! }.to raise_error(ArgumentError, /kind of a note/)
      end
      importing { note(:big, text: "x" * (1 << 20)) }
      expect { attempt! }.to raise_error(Workflow::PayloadTooLarge, /the note big of Import#rows/)
    end
  end

  describe "checkpoint" do
    it "does nothing while all is well" do
      importing { Array.new(3) { checkpoint } }

      expect(Import.start.workflow).to be_done
    end

    it "leaves a step whose time is up" do
      entered = Queue.new
      importing(:later, timeout: 0.05) do
        entered << 1
        loop { checkpoint }
      rescue Workflow::Interrupted => error
        entered << error
        raise
      end
      work(threads: 1)
      run = Import.start.workflow

      eventually("it has failed") { run.reload.failed? }
      entered.pop
      expect(entered.pop.message).to match(/Import#rows \(run \w+, attempt 1\) has taken longer than its timeout/)
      eventually("its thread is back") { Workflow.engine.written_off(-1, 0).zero? && Workflow.engine.in_hand.zero? }
      expect(of_kind(run, :step_failed).size).to eq 1
    end

    it "leaves a step at once when the worker stops; it is given back and uses no retry" do
      entered = Queue.new
      importing(:later) { (entered << 1) && (loop { checkpoint } if workflow.attempt == 1) }
      worker = work(threads: 1)
      run = Import.start.workflow
      entered.pop

      expect(worker.stop(timeout: 20)).to be true
      eventually("it is ready again") { run.reload.step(:rows).attempts == 2 }
      expect(of_kind(run, :lease_lost).map(&:reason)).to eq [ "interrupted" ]
      expect(of_kind(run, :step_failed)).to be_empty
      work(threads: 1)
      eventually("it is done") { run.reload.done? }
    end

    it "also by way of progress" do
      entered = Queue.new
      importing(:later) { (entered << 1) && loop { progress 1 } }
      worker = work(threads: 1)
      run = Import.start.workflow
      entered.pop

      expect(worker.stop(timeout: 20)).to be true
      eventually("it is ready again") { run.reload.step(:rows).ready? && run.step(:rows).attempts == 2 }
    end

    it "lets a step that rescues it end as it likes" do
      entered = Queue.new
      importing(:later) do
        entered << 1
        loop { checkpoint }
      rescue Workflow::Interrupted
        nil
      end
      worker = work(threads: 1)
      run = Import.start.workflow
      entered.pop
      worker.stop(timeout: 20)

      eventually("it is done") { run.reload.done? }
    end

    it "is not what an application raises by that name" do
      importing { raise Workflow::Interrupted, "my own" }
      run = Import.start.workflow

      expect(run).to be_failed
      expect(run.error.message).to eq "my own"
    end

    it "leaves a step whose claim is gone" do
      entered, seen = Queue.new, Queue.new
      importing(:later) do
        entered << 1
        loop { checkpoint }
      rescue Workflow::Interrupted => error
        seen << error.message
        raise
      end
      run = Import.new.start
      work(threads: 1)
      entered.pop
      SQLite3::Database.new("#{@directory}/log.sqlite3").tap { |database| database.busy_timeout = 5000 }
        .execute("UPDATE ready SET fence = fence + 1") # as a process that took it over would

      expect(seen.pop).to match(/Import#rows .* is not this attempt's any more/)
      eventually("nothing is in hand") { Workflow.engine.in_hand.zero? }
      expect(of_kind(run.reload, :lease_lost)).to be_empty
    end
  end

  it "are for inside a step, and answer on the run" do
    importing do
      workflow.note(:here)
      workflow.progress(1)
      workflow.checkpoint
    end
    object = Import.new
    run = object.tap(&:start).workflow

    expect(run.events.map(&:kind)).to include(:noted, :progressed)
    %i[checkpoint progress note].each do |word|
      arguments = word == :note ? [ :kind ] : []
      expect { object.__send__(word, *arguments) }.to raise_error(Workflow::Error, /#{word} is for inside a step/)
      expect { run.public_send(word, *arguments) }.to raise_error(Workflow::Error, /#{word} is for inside a step/)
    end
    expect(run.cursor).to be_nil
  end

  it "steps aside for the object's own methods" do
    define("Import") do
      include Workflow
      workflow { now :rows }
      def progress = :mine
      def note = :mine
      def rows = workflow.note(:seen, progress: progress, note: note)
    end

    expect(Import.start.workflow.events.find { |event| event.kind == :noted }.data[:facts]).to eq(progress: :mine, note: :mine)
  end

  it "steps aside for a record's attributes", :records do
    table(:imports) { |t| t.integer :progress; t.string :note }
    Import.class_eval { include Workflow; workflow { now :rows }; def rows = update!(progress: 5) }
    record = Import.start(note: "n")

    expect([ record.progress, record.note, record.workflow.state ]).to eq [ 5, "n", :done ]
  end

  it "refuses a kind that is no text" do
    importing { note "\xff" }

    expect { attempt! }.to raise_error(ArgumentError, /a word of at most 200 bytes, not "\\xFF"/)
  end

  describe "of a run that another process cancels" do
    let(:reported) { Queue.new }
    let(:entered) { Queue.new }

    before do
      told = reported
      stub_const("Rails", Module.new { define_singleton_method(:error) { Object.new.tap { |reporter| reporter.define_singleton_method(:report) { |*given| told << given } } } })
    end

    # A step that asks, in a worker's hand, until it is told to leave; cancelled meanwhile.
    def walk(&asks)
      began = entered
      importing(:later, retries: 3) { (began << true) && loop { instance_exec(&asks) } }
      work(threads: 1)
      run = Import.start.workflow
      entered.pop
      cancel_elsewhere(run.id)
      eventually("it is cancelled, not #{run.reload.state}") { run.reload.cancelled? }
      run
    end

    def cancel_elsewhere(id)
      child = fork do
        Workflow::Run.new(Workflow.engine.find(id)).cancel(reason: "enough")
        Workflow.runtime.stop
      ensure
        exit!(0)
      end
      Process.wait(child)
    end

    { checkpoint: -> { checkpoint }, progress: -> { progress 1 }, note: -> { note :alive } }.each do |word, asks|
      it "leaves the step at its next #{word}, which ends the run at once and is nobody's fault" do
        run = walk(&asks)

        expect(run).to have_attributes(reason: "enough")
        expect(run.step(:rows)).to have_attributes(state: :cancelled, error: nil)
        expect(run.events.map(&:kind)).not_to include(:step_failed, :step_retried, :step_completed)
        expect(run.events.last(2).map(&:kind)).to eq %i[lease_lost run_cancelled]
        eventually("nothing is in hand") { Workflow.engine.in_hand.zero? }
        expect(reported).to be_empty
      end
    end
  end
end
