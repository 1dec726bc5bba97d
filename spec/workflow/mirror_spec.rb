# frozen_string_literal: true

require_relative "../support/receipts_table"

# Columns that say how runs stand: workflow mirror: true. Who keeps them when processes die is in spec/processes/mirror_spec.rb.
RSpec.describe Workflow::Mirror do
  def columns(table, name = "workflow")
    table.string :"#{name}_state"
    table.string :"#{name}_step"
    table.integer :"#{name}_version"
    table.string :"#{name}_run_id", limit: 13
  end

  # A class of notes, with columns, on a table of its own.
  def notes(**options, &block)
    table(:notes) do |t|
      t.string :text
      t.string :type
      t.timestamps
      columns(t)
    end
    Note.class_eval do
      include Workflow
      workflow(mirror: true, **options, &block)
      def a = nil
      def b = nil
      def bad = raise(IOError, "no")
    end
    Note
  end

  def mirrored(record, name = "workflow") = record.class.find(record.id).attributes.values_at(*described_class::Columns::PARTS.map { |part| "#{name}_#{part}" })

  # What the log says, as columns.
  def said(run, step) = [ run.state.to_s, step, run.version, run.id ]

  # That nobody but the callers writes.
  def without_keeper = stub_const("Workflow::Mirror::Keeper", Class.new(Workflow::Mirror::Keeper) { def start = self and def alive? = true })

  it "has a keeper that can be told to stop at any moment, also before it has begun" do
    expect { 100.times { Workflow::Mirror::Keeper.new(Workflow.runtime).start.stop } }.not_to raise_error
  end

  context "with records", :records do
    it "tells at once what the caller's own calls have done, in the table and in the object at hand" do
      without_keeper
      note = notes { now :a; await :confirm; later :b }.start(text: "x")

      expect(mirrored(note)).to eq said(note.workflow, "confirm")
      expect(note).to have_attributes(workflow_state: "waiting", workflow_step: "confirm", changed?: false)
      expect(Note.where(workflow_state: "waiting").order(:workflow_version)).to eq [ note ]
      note.submit(:confirm)
      expect(mirrored(note)).to eq said(note.workflow, "b")
      expect(note.workflow_state).to eq "running"
    end

    it "tells of halting, skipping, retrying and cancelling" do
      without_keeper
      note = notes { await :confirm; later :b }.start(text: "x")
      run = note.workflow
      [ [ -> { run.pause }, "paused", "confirm" ], [ -> { run.resume }, "waiting", "confirm" ], [ -> { run.skip(:confirm) }, "running", "b" ],
        [ -> { run.cancel }, "cancelled", nil ] ].each do |act, state, step|
        act.call
        expect(mirrored(note)).to eq [ state, step, run.version, run.id ]
      end
    end

    it "tells what workers do, failures and their steps included" do
      note = notes { later :a; later :bad }.start(text: "x")
      work
      eventually("it has failed") { note.workflow.failed? }

      eventually("the columns say so") { mirrored(note) == said(note.workflow, "bad") }
      expect(note.workflow.state).to eq :failed
    end

    it "tells what happens when time is up" do
      note = notes { await :confirm, expires_in: 3600 }.start(text: "x")
      work
      Workflow.engine.travel(3_700_000)

      eventually("the columns say so") { mirrored(note) == said(note.workflow, nil) }
      expect(note.workflow).to be_expired
    end

    it "begins anew with another run" do
      without_keeper
      note = notes { now :a }.start(text: "x")
      first = note.workflow
      3.times { note.start }

      expect(mirrored(note)).to eq said(note.workflow, nil)
      expect(note.workflow.id).to be > first.id
      expect(described_class::Columns.of(Note, :workflow).write(first)).to be false
      expect(mirrored(note)).to eq said(note.workflow, nil)
    end

    it "touches nothing else: no callback, no validation, no timestamp, no change to be saved" do
      without_keeper
      notes { await :confirm }
      Note.class_eval do
        validates :text, presence: true
        before_save { throw :abort if text == "stop" }
        self.record_timestamps = true
      end
      note = Note.create!(text: "x", updated_at: Time.at(0))
      Note.where(id: note.id).update_all(text: "stop")
      note.start

      expect(mirrored(note)).to eq said(note.workflow, "confirm")
      expect(Note.find(note.id)).to have_attributes(text: "stop", updated_at: Time.at(0))
      note.text = "new"
      expect(note.changes.keys).to eq %w[text]
    end

    it "has a copy of a record say nothing" do
      note = notes { await :confirm }.start(text: "x")
      copy = note.dup.tap(&:save!)

      expect(mirrored(copy)).to eq [ nil ] * 4
      expect(note.reload.workflow_state).to eq "waiting"
    end

    it "leaves a destroyed record alone" do
      note = notes { await :confirm }.start(text: "x")
      note.destroy!

      expect(note.workflow.reload).to be_cancelled
      expect(Note.count).to eq 0
    end

    it "keeps columns of a workflow with a name under that name" do
      table(:orders) { |t| columns(t, "fulfilment") }.class_eval do
        include Workflow
        workflow(:fulfilment, mirror: true) { await :pick }
        workflow(:refund) { await :approve }
      end
      order = Order.create!
      order.start(:fulfilment)
      order.start(:refund)

      expect(mirrored(order, "fulfilment")).to eq said(order.workflow(:fulfilment), "pick")
    end

    it "holds for subclasses, be it that one has a workflow of its own, mirrored or not" do
      notes { await :confirm }
      define("Kept", Note) { }
      define("Other", Note) { workflow(mirror: true) { later :b } }
      define("Silent", Note) { workflow { later :b } }
      kept, other, silent = [ Kept, Other, Silent ].map { |klass| klass.start(text: "x") }
      work

      eventually("the steps are done") { [ other, silent ].all? { |note| note.workflow.done? } }
      eventually("the columns say so") { mirrored(other) == said(other.workflow, nil) }
      expect(mirrored(kept)).to eq said(kept.workflow, "confirm")
      expect(mirrored(silent)).to eq [ nil ] * 4
    end

    it "says steps as the code calls them now" do
      without_keeper
      note = notes { await :confirm }.start(text: "x")
      define("Note", ActiveRecord::Base) do
        self.table_name = "notes"
        include Workflow
        workflow(mirror: true) do
          renamed :confirm, to: :agree
          await :agree
        end
      end
      Note.find(note.id).workflow.pause

      expect(mirrored(Note.find(note.id))[1]).to eq "agree"
    end

    it "has the run where it is though the columns cannot be written, says so, and writes them later" do
      log = StringIO.new
      Workflow.configure { |c| c.logger = Logger.new(log) }
      notes { await :confirm; await :again }
      note = Note.create!(text: "x")
      ActiveRecord::Base.connection.execute("CREATE TRIGGER refuse BEFORE UPDATE ON notes BEGIN SELECT RAISE(ABORT, 'not now'); END")
      note.start
      expect(note.workflow).to be_waiting
      expect(log.string).to match(/workflow: .*not now/)
      ActiveRecord::Base.connection.execute("DROP TRIGGER refuse")
      note.submit(:confirm)

      expect(mirrored(note)).to eq said(note.workflow, "again")
    ensure
      Workflow.configure { |c| c.logger = nil }
    end

    it "fills in what there was before the columns, and takes back what nobody's run says" do
      notes { await :confirm }
      run = Note.create!(text: "x").then { |note| note.start and note }
      none = Note.create!(text: "y", workflow_state: "waiting", workflow_version: 7, workflow_run_id: "Z" * 13)
      Workflow.runtime.stop
      Note.update_all(workflow_state: "done", workflow_version: 1_000)
      Workflow.engine

      eventually("the columns are true") { mirrored(run) == said(run.workflow, "confirm") && mirrored(none) == [ nil ] * 4 }
    end

    it "puts all right when it is told to, and says how much was not" do
      without_keeper
      notes { await :confirm }
      first, second = Array.new(2) { |number| Note.create!(text: number.to_s).tap(&:start) }
      Note.where(id: second.id).update_all(workflow_state: "nonsense", workflow_version: 99)
      out = StringIO.new
      described_class.rebuild(out)

      expect(out.string).to eq "workflow: Note, 2 records: 1 had other columns than the log says.\n"
      expect([ first, second ].map { |note| mirrored(note) }).to eq [ said(first.workflow, "confirm"), said(second.workflow, "confirm") ]
    end

    it "has the open run in the columns, be it that an ended one began with a greater id" do
      notes { await :confirm }
      note = Note.create!(text: "x")
      earlier = Workflow.engine.reserve
      note.start.cancel
      subject = Workflow::Subject.of(note)
      Workflow.engine.start(nil, Note.workflow.blueprint(Note), subject.bytes, subject.key(:workflow), nil, nil, "spec", nil, earlier)

      expect(note.workflow.id).to eq earlier
      eventually("the columns say so") { mirrored(note) == said(note.workflow, "confirm") }
      note.workflow.cancel
      eventually("and then the other's") { mirrored(note) == said(note.workflow, nil) }
    end

    it "asks for the columns at first use and when all is checked, with the command that makes them" do
      table(:notes) { |t| t.string :workflow_state }.class_eval do
        include Workflow
        workflow(mirror: true) { await :confirm }
      end
      missing = /mirror_spec.rb:\d+: mirror: true keeps columns of notes true, and it has no workflow_step, workflow_version, workflow_run_id\. Make them with: bin\/rails generate workflow:mirror note, /

      expect { Note.start }.to raise_error(Workflow::DefinitionError, missing)
      expect { Workflow.verify }.to raise_error(Workflow::DefinitionError, missing)
      expect(Note.count).to eq 0
    end
  end

  it "is for records" do
    expect { define("Plain") { include Workflow; workflow(mirror: true) { now :a } } }
      .to raise_error(Workflow::DefinitionError, /mirror_spec.rb:\d+: workflow :workflow: mirror: is about records, and Plain is no class of records/)
  end

  it "is on or off" do
    expect { define("Plain") { include Workflow; workflow(mirror: :yes) { now :a } } }.to raise_error(Workflow::DefinitionError, /mirror: must be true or false/)
  end

  ApplicationDatabase.each do |kind|
    context "on #{kind}", application_database: kind do
      it "is written when the transaction is over, whose end decides whether there is a run" do
        ReceiptsTable.create
        notes { await :confirm }
        kept = left = nil
        Note.transaction { kept = Note.start(text: "x") }
        Note.transaction { left = Note.start(text: "y") and raise ActiveRecord::Rollback }

        expect(mirrored(kept)).to eq said(kept.workflow, "confirm")
        expect(left.workflow_state).to be_nil
        expect(Note.count).to eq 1
      end

      it "is true after a transaction that was rolled back while the run went on, there being no table of receipts" do
        note = notes { await :confirm; await :again }.start(text: "x")
        Note.transaction do
          note.update!(text: "y")
          note.submit(:confirm)
          raise ActiveRecord::Rollback
        end

        expect(note.workflow).to be_waiting_for(:again)
        expect(mirrored(note)).to eq said(note.workflow, "again")
        expect(Note.find(note.id).text).to eq "x"
      end

      it "is never older than it was, whoever writes when" do
        notes { now :a; await :confirm, expires_in: 3600; later :b }
        records = Array.new(5) { |number| Note.create!(text: number.to_s) }
        work(threads: 4)
        backwards = []
        watching = Thread.new do
          seen = {}
          until Thread.current[:over]
            Note.uncached { Note.pluck(:id, :workflow_run_id, :workflow_version) }.each do |id, run, version|
              pair = [ run.to_s, version.to_i ]
              backwards << [ seen[id], pair ] if seen[id] && (seen[id] <=> pair) == 1
              seen[id] = pair
            end
          end
        end
        callers = records.map { |record| Thread.new { 5.times { Note.find(record.id).then { |note| note.start and note.submit(:confirm) } } } }
        callers.each(&:join)
        eventually("all is done") { records.all? { |record| record.workflow.ended? } }
        eventually("the columns say so") { records.all? { |record| mirrored(record) == said(record.workflow, nil) } }
        watching[:over] = true
        watching.join

        expect(backwards).to be_empty
      end

      # Up to which row of the log the columns are true, as it is noted.
      def noted = Workflow::Receipts.of(Note).find("mirror")&.payload.to_s[/"Note\/workflow":(\d+)/, 1].to_i >> 8

      it "goes on where the last keeper was, and says where it is with the columns" do
        ReceiptsTable.create
        note = notes { await :confirm }.start(text: "x")
        eventually("it is noted") { noted == Workflow.engine.last_position >> 8 }
        Workflow.runtime.stop
        Note.update_all(workflow_state: "untrue") # of which no event tells
        other = Note.create!(text: "y").tap(&:start)

        eventually("it is noted") { noted == Workflow.engine.last_position >> 8 }
        expect(mirrored(other)).to eq said(other.workflow, "confirm")
        expect(mirrored(note).first).to eq "untrue"
      end

      it "compares everything when the log is another one" do
        ReceiptsTable.create
        note = notes { await :confirm }.start(text: "x")
        eventually("it is noted") { noted == Workflow.engine.last_position >> 8 }
        Workflow.configure { |c| c.store = "sqlite:#{@directory}/other.sqlite3" }
        Note.create!(text: "y").start

        eventually("the columns say that there is no such run") { mirrored(note) == [ nil ] * 4 }
      end
    end
  end
end
