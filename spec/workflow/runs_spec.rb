# frozen_string_literal: true

RSpec.describe Workflow::Runs do
  let(:order) do
    define("Order") do
      include Workflow
      remembers :number
      attr_reader :number
      workflow { now :go; await :confirm }
      def initialize(number) = (@number = number)
      def go = (raise "odd" if number.odd?)
      def other; end
    end
  end

  it "lists an object's runs, newest first, those of methods included" do
    order.start(2)
    order.new(2).now(:other)
    order.start(22)

    expect(order.new(2).workflows.map(&:name)).to eq %i[.other workflow]
    expect(order.new(3).workflows).to be_empty
  end

  it "lists and filters the runs of a class, over pages" do
    stub_const("Workflow::Runs::Reading::PAGE", 2)
    5.times { |number| order.start(number) }
    define("Orders", order).start(7)

    expect(order.workflows.map { |run| run.subject.number }).to eq [ 4, 3, 2, 1, 0 ]
    expect(order.workflows.failed.map { |run| run.subject.number }).to eq [ 3, 1 ]
    expect(order.workflows.at(:confirm).count).to eq 3
    expect(order.workflows.waiting.at(:go)).to be_empty
    [ nil, 5, "" ].each { |name| expect { order.workflows.at(name) }.to raise_error(Workflow::DefinitionError, /has no step #{name.inspect}/) }
  end

  describe "queries" do
    before do
      define("Order") do
        include Workflow
        remembers :number
        attr_reader :number
        workflow(tags: -> { { size: number < 3 ? :small : :large } }) { now :go; later :pack; await :confirm }
        workflow(:fulfilment) { later :ship }
        def initialize(number) = (@number = number)
        def go = (raise "broken" if number == 2)
        def pack; end
        def ship; end
        def other; end
      end
      6.times { |number| Order.new(number).start(:workflow, tags: { number: number, plan: (:pro if number.odd?) }) }
      Order.new(0).now(:pack)
      Order.new(1).start(:fulfilment)
      Order.new(1).now(:other)
    end

    def numbers(runs) = runs.map { |run| run.subject.number }

    it "knows every state" do
      expect(described_class::STATES).to eq Workflow::Run::STATES - [ :none ]
      expect(numbers(Order.workflows.running)).to eq [ 1, 5, 4, 3, 1 ]
      expect(numbers(Order.workflows.done)).to eq [ 1 ]
      expect(described_class::STATES.sum { |state| Order.workflows.public_send(state).count }).to eq Order.workflows.count
      expect(Order.workflows.failed.waiting).to be_empty
    end

    it "finds by tags, all of them, whatever type they were given as" do
      expect(numbers(Order.workflows.tagged(size: "small"))).to eq [ 2, 1, 0 ]
      expect(numbers(Order.workflows.tagged(size: :small, plan: "pro"))).to eq [ 1 ]
      expect(numbers(Order.workflows.tagged(number: 4))).to eq [ 4 ]
      expect(numbers(Order.workflows.tagged("size" => "small").tagged(number: "2").failed)).to eq [ 2 ]
      expect(Order.workflows.tagged(size: :small).tagged(size: :large)).to be_empty
      expect(Order.workflows.tagged(size: :small).count).to eq 3
      expect(Order.workflows.tagged(size: :small).running.count).to eq 1
      expect { Order.workflows.tagged(plan: nil) }.to raise_error(ArgumentError, /tagged\(plan: nil\)/)
    end

    it "finds by the step that a run is at, whether it waits, is queued or has failed" do
      expect(numbers(Order.workflows.at(:go))).to eq [ 2 ]
      expect(numbers(Order.workflows.at(:pack))).to eq [ 5, 4, 3, 1 ]
      expect(numbers(Order.workflows.at(:confirm))).to eq [ 0 ]
      expect(Order.workflows.at(:pack).count).to eq 4
      expect(Order.workflows.at(:pack).tagged(plan: :pro).size).to eq 3
      expect(Order.workflows.done.at(:pack)).to be_empty
      expect { Order.workflows.at(:pakc) }.to raise_error(Workflow::DefinitionError, /Order has no step :pakc in a workflow. Did you mean pack\?/)
    end

    it "finds a step that only a subclass has, and one that is a method" do
      define("Rush", Order) { workflow(:rush) { later :fly }; def fly; end }
      Rush.new(9).start(:rush)
      Order.new(5).later(:other)

      expect(numbers(Rush.workflows.at(:fly))).to eq [ 9 ]
      expect(Order.workflows.at(:fly)).to be_empty
      expect(numbers(Order.workflows.at(:other))).to eq [ 5 ]
    end

    it "finds the runs of some objects, newest first" do
      some = [ Order.new(4), Order.new(1), Order.new(77) ]

      expect(Order.workflows.for(some).map { |run| [ run.subject.number, run.name ] })
        .to eq [ [ 1, :".other" ], [ 1, :fulfilment ], [ 4, :workflow ], [ 1, :workflow ] ]
      expect(numbers(Order.workflows.for(some).running.first(2))).to eq [ 1, 4 ]
      expect(Order.workflows.for(some).at(:pack).count).to eq 2
      expect(numbers(Order.workflows.for(some).for(Order.new(4)))).to eq [ 4 ]
      expect(Order.workflows.for([])).to be_empty
      expect(Order.workflows.for([]).count).to eq 0
    end

    it "says whose runs cannot be asked for" do
      define("Letter") { include Workflow }

      expect { Order.workflows.for(Letter.new) }.to raise_error(ArgumentError, /is no Order. Ask Letter.workflows.for./)
      expect { Order.workflows.for([ 42 ]) }.to raise_error(ArgumentError, /Order.workflows.for: 42 is no Order. It takes a relation/)
    end

    it "finds the runs of one workflow or method" do
      expect(Order.workflows.named(:fulfilment).map(&:name)).to eq [ :fulfilment ]
      expect(Order.new(1).workflows.named(:workflow).count).to eq 1
      expect(Order.workflows.named(:other).map(&:name)).to eq [ :".other" ]
      expect { Order.workflows.named(:fulfillment) }.to raise_error(Workflow::DefinitionError, /Did you mean fulfilment/)
    end

    it "counts and looks without making a run" do
      made = 0
      TracePoint.new(:call) { |call| made += 1 if call.defined_class == Workflow::Run && call.method_id == :initialize }.enable do
        expect([ Order.workflows.count, Order.workflows.size, Order.workflows.length, Order.new(1).workflows.count ]).to eq [ 8, 8, 8, 3 ]
        expect(Order.workflows.for([ Order.new(1), Order.new(2) ]).count).to eq 4
        expect(made).to eq 0
        expect(Order.workflows.first && made).to eq 1
      end
    end

    it "counts what a block or an argument says, as any list does" do
      expect(Order.workflows.count { |run| run.tags[:plan] == "pro" }).to eq 3
      expect(Order.workflows.any? { |run| run.failed? }).to be true
      expect([ Order.workflows.any?, Order.workflows.none?, Order.workflows.exists?, Order.workflows.expired.any? ]).to eq [ true, false, true, false ]
    end

    it "gives the newest, one or some" do
      expect(Order.workflows.failed.first.subject.number).to eq 2
      expect(Order.workflows.first(0)).to eq []
      expect(numbers(Order.workflows.named(:workflow).first(2))).to eq [ 5, 4 ]
      expect(Order.workflows.expired.first).to be_nil
      expect { Order.workflows.first(-1) }.to raise_error(ArgumentError, /negative/)
      [ "x", 2.5, :all ].each { |count| expect { Order.workflows.first(count) }.to raise_error(ArgumentError, /\Afirst takes how many, a whole number, not #{count.inspect}/) }
    end

    it "goes on below where it was while runs come and go" do
      stub_const("Workflow::Runs::Reading::PAGE", 2)
      seen = Order.workflows.named(:workflow).each_with_object([]) do |run, list|
        Order.new(100 + list.size).start(:workflow) # newer than all that is being read
        Order.new(run.subject.number - 1).now(:pack) if run.subject.number == 4
        list << [ run.subject.number, run.state ]
      end

      expect(seen).to eq [ [ 5, :running ], [ 4, :running ], [ 3, :waiting ], [ 2, :failed ], [ 1, :running ], [ 0, :waiting ] ]
    end

    it "leaves out a run of some objects that has moved on before its page was read" do
      stub_const("Workflow::Runs::Reading::PAGE", 1)
      runs = Order.workflows.running.named(:workflow).for([ Order.new(3), Order.new(4), Order.new(5) ])

      expect(runs.each { |run| Order.new(4).now(:pack) if run.subject.number == 5 }).to equal runs
      expect(numbers(runs)).to eq [ 5, 3 ]
    end

    it "says what it asks for" do
      expect(Order.workflows.failed.tagged(plan: :pro).inspect).to eq '#<Workflow::Runs Order states: [:failed] tags: [["plan", "pro"]]>'
      expect(Order.new(1).workflows.inspect).to eq "#<Workflow::Runs Order for: some>"
    end
  end

  it "finds by a block, and says where an id is for" do
    define("Order") { include Workflow and workflow { await :confirm } }
    run = Order.start.workflow

    expect(Order.workflows.find(&:waiting?)).to eq run
    expect(Order.workflows.find(-> { :none }, &:done?)).to eq :none
    expect { Order.workflows.find(run.id) }.to raise_error(ArgumentError, /Workflow::Run.find\("#{run.id}"\)/)
  end

  it "does not mix up records of which one id begins like the other", :records do
    ActiveRecord::Schema.define { create_table(:rooms, id: :string, force: true) }
    room = define("Room", ActiveRecord::Base) { include Workflow; workflow { later :clean }; def clean; end }
    [ "a", "a#b" ].each { |id| room.create!(id: id).start }

    expect(room.find("a").workflows.map { |run| run.subject.id }).to eq [ "a" ]
    expect(room.find("a#b").workflows.map { |run| run.subject.id }).to eq [ "a#b" ]
    expect(room.workflows.for(room.where(id: "a")).count).to eq 1
  end

  it "is empty for a record that is not saved", :records do
    note = table(:notes) { |t| t.string :text }.tap { |klass| klass.include(Workflow) }

    expect(note.new.workflows.to_a).to eq []
    expect(note.new.workflow).to be_none
  end
end
