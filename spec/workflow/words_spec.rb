# frozen_string_literal: true

RSpec.describe Workflow::Words do
  words = %i[start start! submit submit! now now! later workflow workflows]

  it "adds only these words to an object, and a few privately" do
    plain = define("Plain")
    worded = define("Worded") { include Workflow }

    expect(worded.public_instance_methods - plain.public_instance_methods).to match_array words
    expect(worded.private_instance_methods - plain.private_instance_methods).to match_array %i[reject progress note checkpoint]
    expect(worded.singleton_methods - plain.singleton_methods).to match_array %i[workflow workflows step remembers start start! find_by_workflow_token]
  end

  it "leaves the application's own constants alone" do
    event = define("Event")
    mine = define("Mine") { include Workflow; class_eval("def event = Event", __FILE__, __LINE__) }

    expect(mine.new.event).to equal event
    expect(Workflow::Event).not_to equal event
  end

  it "is for classes" do
    expect { Module.new { include Workflow } }.to raise_error(Workflow::DefinitionError, /in a class; in a concern, within its included block/)
  end

  it "steps aside for methods of the class, of its parent and of modules, before and after" do
    define("Parent") { def start = :parents }
    walking = Module.new { def now = :modules }
    listing = Module.new { include Enumerable }
    child = define("Child", Parent) { include walking, listing; include Workflow; def submit = :own }

    expect([ child.new.start, child.new.now, child.new.submit ]).to eq [ :parents, :modules, :own ]
    expect(child.public_method_defined?(:reject)).to be true
    expect(child.new.workflow).to be_none
  end

  it "lets the class override a word and call super" do
    loud = define("Loud") { include Workflow; workflow { now :go }; def go; end; def start(...) = [ :loud, super ] }

    expect(loud.new.start).to match [ :loud, have_attributes(state: :done) ]
  end

  it "steps aside for class methods of the parent" do
    define("Parent").define_singleton_method(:start) { |*| :parents }

    expect(define("Child", Parent) { include Workflow }.start).to eq :parents
  end

  describe "on a run" do
    # An object that has methods of its own by all of these names.
    def taken
      own = described_class.public_instance_methods - %i[workflow]
      broken = -> { raise IOError, "no bank" }
      define("Taken") do
        include Workflow
        workflow(:paying) { later :charge; await :confirm; now :ship }
        workflow(:packing) { later :pack }
        own.each { |word| define_method(word) { |*| :own } }
        define_method(:charge, &broken)
        def confirm(code:) = (reject "not the code" unless code == 1)
        def ship = raise(EOFError, "no ship")
        def pack; end
        def other; end
      end
      Taken.new
    end

    it "answer as they do on an object" do
      run = taken.workflow(:paying)

      expect(Workflow::Run.public_instance_methods).to include(*words)
      expect(run.start!).to have_attributes(name: :paying, state: :running)
      expect(run.start.id).to eq run.reload.id
      expect(run.workflows.map(&:name)).to eq [ :paying ]
      expect([ run.workflow(:paying).id, run.workflow(:packing).state ]).to eq [ run.id, :none ]
      expect(run.workflow(:packing).start.workflows.map(&:name)).to eq %i[packing paying]
      expect { run.workflow }.to raise_error(Workflow::DefinitionError, /several workflows: say which/)
    end

    it "raise, those with an exclamation mark" do
      run = taken.workflow(:paying).start
      expect { run.now!(:charge) }.to raise_error(IOError, "no bank")
      run.reload.skip(:charge)
      expect(run.submit(:confirm, code: 2)).not_to be_accepted
      expect { run.submit!(:confirm, code: 2) }.to raise_error(Workflow::Rejected, /not the code/)
      expect { run.submit!(:ship) }.to raise_error(Workflow::NotWaiting)
      expect { run.submit!(:confirm, code: 1) }.to raise_error(EOFError, "no ship")
      expect(run.reload).to be_failed
      define("Leading") { include Workflow; workflow { now :go }; def go = raise(IOError, "go") }
      expect { Leading.new.workflow.start! }.to raise_error(IOError, "go")
    end

    it "are about the run that it is, not one that its object has by now" do
      twice = define("Twice") { include Workflow; workflow(unique: false) { later :a }; def a = raise(IOError, "a") }
      first, second = Array.new(2) { twice.new.start }
      expect { first.now!(:a) }.to raise_error IOError

      expect([ first, second ].map { |run| run.reload.state }).to eq %i[failed running]
      expect(first.workflow.id).to eq second.id
    end
  end

  context "in a record", :records do
    it "steps aside for attributes" do
      note = table(:notes) do |t|
        t.string :now
        t.string :reject
        t.string :workflow
      end
      note.include(Workflow)
      record = note.create!(now: "n", reject: "r", workflow: "w")

      expect([ record.now, record.reject, record.workflow ]).to eq %w[n r w]
      expect(Workflow::Run.of(record)).to be_none
      expect(record.reload.tap { |same| same.now = "m" }.now).to eq "m"
    end

    it "steps aside for attributes in a subclass, and for an abstract parent's" do
      define("Base", ActiveRecord::Base) { self.abstract_class = true; include Workflow }
      table(:notes) { |t| t.string :now; t.string :reject; t.string :type }
      note = define("Note", Base) { self.table_name = "notes" }
      special = define("Special", note)

      expect(note.create!(now: "n", reject: "r")).to have_attributes(now: "n", reject: "r")
      expect(special.create!(now: "n", reject: "r")).to have_attributes(now: "n", reject: "r")
      expect(note.new.workflow).to be_none
    end

    it "steps aside for associations and enums, declared before or after" do
      note = table(:notes) { |t| t.integer :workflow_id; t.integer :state; t.integer :parent_id }
      note.class_eval do
        enum :state, [ :start, :now ], scopes: false
        include Workflow
        belongs_to :workflow, class_name: "Note", optional: true
        has_many :later, class_name: "Note", foreign_key: :parent_id
      end
      record = note.create!(workflow: other = note.create!)

      expect(record.workflow).to eq other
      expect(record.later.to_a).to eq []
      expect(record.tap(&:start!).state).to eq "start"
    end
  end
end
