# frozen_string_literal: true

RSpec.describe Workflow::Subject do
  let(:index) do
    define("Index") do
      include Workflow
      remembers :name, :force
      attr_reader :name
      def initialize(name, depth = 1, force: false) = (@name, @depth, @force = name, depth, force)
      def ==(other) = other.class == self.class && other.state == state
      def state = [ @name, @depth, @force ]
      private attr_reader(:force)
    end
  end

  def again(object) = described_class.of(object).then { |subject| described_class.load(subject.class_name, subject.bytes) }

  it "rebuilds a plain object through new, from what it remembers" do
    expect(again(index.new("books", force: true))).to eq index.new("books", force: true)
  end

  it "makes a key that two equal objects share" do
    expect(described_class.of(index.new("books")).key(:".call")).to eq %(Index/["books",false]#.call)
    expect(described_class.of(index.new("x" * 100)).key(:workflow)).to match(%r{\AIndex/\h{64}#workflow\z})
    expect(described_class.of(index.new("x" * 100)).prefix).not_to eq described_class.of(index.new("x" * 101)).prefix
  end

  it "needs no remembering where new needs no arguments" do
    nightly = define("Nightly") { include Workflow; def initialize(dry = false) = (@dry = dry) }

    expect(again(nightly.new)).to be_a nightly
    expect(described_class.of(nightly.new).key(:go)).to eq "Nightly/[]#go"
  end

  it "remembers the members of a Struct" do
    plain = define("Pair", Struct.new(:one, :two)) { include Workflow }
    keyed = define("Keyed", Struct.new(:one, :two, keyword_init: true)) { include Workflow }
    [ plain.new(1, "b"), plain.new(1), keyed.new(one: 1, two: "b") ].each { |object| expect(again(object)).to eq object }

    expect(described_class.of(plain.new(1, "b")).key(:go)).to eq 'Pair/[1,"b"]#go'
  end

  it "remembers the members of a Data", if: RUBY_VERSION >= "3.2" do
    point = define("Point", Data.define(:x, :y)) { include Workflow }

    expect(again(point.new(1, "b"))).to eq point.new(1, "b")
  end

  it "remembers the attributes of an Active Model, or those that it is told to; one that only has accessors has to tell" do
    require "active_model"
    attributed = define("Attributed") { include ActiveModel::Model; include ActiveModel::Attributes; include Workflow; attribute :email, :string; attribute :on, :date }
    told = define("Told") { include ActiveModel::Model; include Workflow; remembers :email; attr_accessor :email, :more }
    silent = define("Silent") { include ActiveModel::API; include Workflow; attr_accessor :email }
    own = define("Own") { include ActiveModel::Model; include ActiveModel::Attributes; include Workflow; attribute :email; remembers :name; attr_reader :name; def initialize(name) = (@name = name) && super() }

    expect(again(attributed.new(email: "ann@x", on: "2026-11-23"))).to have_attributes(email: "ann@x", on: Date.new(2026, 11, 23))
    expect([ "ann@x", "bob@x" ].map { |email| described_class.of(attributed.new(email: email)).prefix }.uniq.size).to eq 2
    expect(again(told.new(email: "ann@x"))).to have_attributes(email: "ann@x", more: nil)
    expect(again(own.new("ann"))).to have_attributes(name: "ann")
    expect { described_class.of(silent.new(email: "ann@x")).bytes }.to raise_error(Workflow::NotSerializable, /Silent.new takes attributes, .*remembers :email/)
  end

  it "refuses what takes whatever it is given, unless it says what it remembers" do
    open = define("Open") { include Workflow; def initialize(*all, **more) = nil }
    nameless = define("Nameless", open) { def initialize(...) = super }
    closed = define("Closed", open) { def initialize = super }

    [ [ open, /Open.new takes \*all, \*\*more \(Open\)/ ], [ nameless, /Nameless.new takes \*/ ] ].each do |klass, said|
      expect { described_class.of(klass.new(1)).bytes }.to raise_error(Workflow::NotSerializable, said)
    end
    expect(again(closed.new)).to be_a closed
  end

  it "asks for remembers where it does" do
    needy = define("Needy") { include Workflow; def initialize(name, size:) = nil }

    expect { described_class.of(needy.new("a", size: 1)).bytes }
      .to raise_error(Workflow::NotSerializable, /Needy.new takes name, size.*remembers :name, :size/)
  end

  it "says which remembered name fits no parameter, and which has no reader" do
    unmatched = define("Unmatched") { include Workflow; remembers :size; attr_reader :size }
    unread = define("Unread") { include Workflow; remembers :size; def initialize(size) = nil }
    gap = define("Gap") { include Workflow; remembers :two; attr_reader :two; def initialize(one = 1, two = 2) = (@two = two) }

    expect { described_class.of(unmatched.new).bytes }.to raise_error(Workflow::DefinitionError, /remembers :size.*no parameter/)
    expect { described_class.of(unread.new(1)).bytes }.to raise_error(Workflow::DefinitionError, /no reader.*attr_reader :size/)
    expect { described_class.of(gap.new).bytes }.to raise_error(Workflow::NotSerializable, /takes one/)
  end

  it "inherits what the parent remembers" do
    child = define("Child", index)

    expect(again(child.new("books"))).to eq child.new("books")
  end

  it "refuses what takes more than the log keeps of an object" do
    expect { described_class.of(index.new("x" * 65_536)).bytes }
      .to raise_error(Workflow::PayloadTooLarge, /What Index remembers takes 655\d\d bytes: at most 65536 are kept/)
    expect(described_class.of(index.new("x" * 65_000)).bytes.bytesize).to be < 65_536
  end

  it "refuses a class without a name" do
    anonymous = Class.new { include Workflow }

    expect { described_class.of(anonymous.new).key(:go) }.to raise_error(Workflow::NotSerializable, /has no name/)
  end

  it "names a class that this process does not know" do
    expect { described_class.load("Nowhere::Known", "[]") }.to raise_error(Workflow::DefinitionError, /Nowhere::Known.*-r FILE/)
  end

  context "with records", :records do
    let(:signup) { table(:signups) { |t| t.string :email; t.string :type }.tap { |klass| klass.include(Workflow) } }

    it "finds them by base class and id, whatever their type has become" do
      define("Special", signup)
      record = Special.create!(email: "a@b.c")
      subject = described_class.of(record)

      expect(subject.key(:workflow)).to eq "Signup/#{record.id}#workflow"
      expect(described_class.load(subject.class_name, subject.bytes)).to eq(record).and be_a(Special)
      record.update_column(:type, nil)
      expect(described_class.load(subject.class_name, subject.bytes)).to be_an_instance_of(Signup)
    end

    it "reads them afresh, default scopes aside" do
      signup.class_eval { default_scope { where.not(email: "gone") } }
      record = signup.create!(email: "here")
      subject = described_class.of(record)
      record.update!(email: "gone")

      expect(described_class.load(subject.class_name, subject.bytes).email).to eq "gone"
    end

    it "reads them in no scope that the caller is in, and by no `find` of the class's own" do
      record = signup.create!(email: "here")
      subject = described_class.of(record)

      signup.where(email: "other").scoping { expect(described_class.load("Signup", subject.bytes)).to eq record }
      signup.define_singleton_method(:find) { |slug| find_by!(email: slug) }
      expect(described_class.load("Signup", subject.bytes)).to eq record
    end

    it "asks by a statement that Active Record has prepared, where nothing comes between" do
      subject = described_class.of(signup.create!)
      described_class.load("Signup", subject.bytes)
      before = GC.stat(:total_allocated_objects)
      10.times { described_class.load("Signup", subject.bytes) }
      prepared = GC.stat(:total_allocated_objects) - before
      before = GC.stat(:total_allocated_objects)
      10.times { signup.unscoped.find(subject.object.id) }

      expect(prepared).to be < (GC.stat(:total_allocated_objects) - before)
    end

    it "says that one is missing" do
      subject = described_class.of(record = signup.create!).tap(&:bytes)
      record.destroy!

      expect { described_class.load("Signup", subject.bytes) }.to raise_error(Workflow::SubjectMissing, /Signup #{record.id} is not in the database/)
    end

    context "whose primary keys are text" do
      def keys_of(*ids) = ids.map { |id| described_class.prefix_of("Pair", id) }

      # Records of two columns that are their key, and a workflow.
      def pairs
        ActiveRecord::Schema.define { create_table(:pairs, force: true, primary_key: %w[a b]) { |t| t.string :a; t.string :b } }
        define("Pair", ActiveRecord::Base) { include Workflow; workflow { await :go } }
      end

      it "makes the keys of numbers and of plain text as they are" do
        expect(keys_of(7, [ 7, 8 ], "b1946ac9-2b5c", %w[eu-1 A_7/ä.x])).to eq [ "Pair/7#", "Pair/7,8#", "Pair/b1946ac9-2b5c#", "Pair/eu-1,A_7/ä.x#" ]
      end

      it "makes a key of its own for each, whatever is in the text" do
        ids = [ %w[x,y z], %w[x y,z], %w[x y z], [ "x\\", "y,z" ], [ "x\\,y", "z" ], [ "x\\\\", "y,z" ], "x", "x\\" ]
        keys = keys_of(*ids)

        expect(keys.first(2)).to eq [ %q(Pair/x\,y,z#), %q(Pair/x,y\,z#) ]
        expect(keys.uniq).to eq keys
      end

      it "gives two that read alike runs of their own" do
        one, other = pairs.create!(a: "x,y", b: "z"), Pair.create!(a: "x", b: "y,z")
        run = one.start

        expect(other.workflow).to be_none
        expect(other.start).to have_attributes(existing?: false, waiting_for: :go)
        expect([ one.workflows, other.workflows, Pair.workflows.for(Pair.where(a: "x,y")) ].map(&:count)).to eq [ 1, 1, 1 ]
        expect(one.submit(:go).run.id).to eq run.id
        expect([ one, other ].map { |pair| pair.workflow.state }).to eq %i[done waiting]
      end
    end

    it "refuses one that is not saved" do
      expect { described_class.of(signup.new).bytes }.to raise_error(Workflow::NotSerializable, /not saved.*Save it first/)
    end
  end
end
