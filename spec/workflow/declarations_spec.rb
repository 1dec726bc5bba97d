# frozen_string_literal: true

RSpec.describe Workflow::Declarations do
  let(:order) do
    define("Order") do
      include Workflow
      workflow { now :reserve }
      workflow(:fulfilment) { later :pack }
      def reserve; end
      def pack; end
    end
  end

  it "knows several workflows of a class" do
    expect(order.workflow.step(:reserve)).to be_now_step
    expect(order.workflow(:fulfilment).steps.map(&:name)).to eq [ :pack ]
  end

  RSpec::Matchers.define(:be_now_step) { match { |step| step.kind == :now } }

  it "says which workflows there are when the name is wrong" do
    expect { order.workflow(:fulfillment) }.to raise_error(Workflow::DefinitionError, /no workflow :fulfillment. Did you mean fulfilment\?/)
  end

  it "takes the only workflow for the one meant, and asks which one of several" do
    one = define("One") { include Workflow; workflow(:shipping) { now :go } }
    two = define("Two") { include Workflow; workflow(:a) { now :go }; workflow(:b) { now :go } }

    expect(one.workflow.name).to eq :shipping
    expect { two.workflow }.to raise_error(Workflow::DefinitionError, /several workflows: say which of :a, :b/)
    expect { define("None") { include Workflow }.workflow }.to raise_error(Workflow::DefinitionError, /None declares no workflow/)
    line = __LINE__ + 1
    expect { define("None") { include Workflow; workflow mirror: true } }
      .to raise_error(Workflow::DefinitionError, "#{__FILE__}:#{line}: workflow with options takes a block of steps, and there is none. Write do … end behind it.")
  end

  it "gives a subclass its parent's workflows, which it may replace" do
    special = define("Special", order) { workflow { later :reserve } }

    expect(special.workflow.step(:reserve).kind).to eq :later
    expect(special.workflow(:fulfilment)).to equal order.workflow(:fulfilment)
    expect(order.workflow.step(:reserve).kind).to eq :now
  end

  it "refuses a second workflow of one name, but not the same file read twice" do
    twice = define("Twice") { include Workflow }
    2.times { twice.workflow { now :go } }

    expect { twice.workflow { now :go } }.to raise_error(Workflow::DefinitionError, /has a workflow :workflow already, at .*declarations_spec/)
  end

  it "takes the options of a single method" do
    index = define("Index") { include Workflow; step :call, retries: 3; def call; end }

    expect(described_class.of(index).of_method(:call).steps.first.retries).to eq 3
    expect { define("Bad") { include Workflow; step :call, retires: 3 } }.to raise_error(Workflow::DefinitionError, /declarations_spec.*retires.*retries/)
  end

  # The message that the block, evaluated in a class that includes Workflow, is refused with.
  def refusal_of(parent = Object, &block)
    define("Refused", parent) { include Workflow }.class_eval(&block) && nil
  rescue Workflow::DefinitionError => error
    error.message
  end

  it "refuses what is no name of a single method or of a reader, and says where" do
    [ nil, 3, :"a b", "", [ :a ], { a: 1 } ].each do |name|
      expect(refusal_of { step name }).to start_with("#{__FILE__}:#{__LINE__}: step takes the name of a method").and include("not #{name.inspect}")
      expect(refusal_of { remembers :a, name }).to start_with("#{__FILE__}:#{__LINE__}: remembers takes the name of a method").and include("not #{name.inspect}")
    end
    expect(refusal_of { remembers }).to start_with("#{__FILE__}:#{__LINE__}: remembers takes the names of the readers")
    expect(refusal_of { step :call, :go }).to include("step takes one name")
    expect(refusal_of { step :call, { retries: 3 } }).to include("step takes one name", "without braces")
    expect(refusal_of { step }).to include("not nil")
    expect(refusal_of { step "call", retries: 3; remembers "a" }).to be_nil
  end

  it "refuses on_destroy: of what is no record" do
    expect(refusal_of { workflow(on_destroy: :keep) { now :go } })
      .to match(/\A#{__FILE__}:#{__LINE__ - 1}: workflow :workflow: on_destroy: is about records, and Refused is no class of records/)
    expect(refusal_of { workflow(on_destroy: :cancel) { now :go } }).to include("on_destroy:")
  end

  it "refuses options of a single method for what is a step, whichever is written first" do
    said = /\A#{__FILE__}:\d+: step :go gives options to a single method, and go is a step of Refused's workflow :workflow, at #{__FILE__}:\d+. Write them there./

    expect(refusal_of { workflow { now :go }; step :go, retries: 5 }).to match said
    expect(refusal_of { step :go, retries: 5; workflow { now :go } }).to match said
    expect(refusal_of(define("Parent") { include Workflow; workflow { now :go } }) { step :go, retries: 5 }).to match said
    expect(refusal_of { workflow { now :go }; step :call, retries: 5 }).to be_nil
  end

  it "says which method is missing, and where it is declared" do
    wrong = define("Wrong") { include Workflow; workflow { now :reserv }; def reserve; end }

    expect { described_class.of(wrong).verify }
      .to raise_error(Workflow::DefinitionError, /#{__FILE__}:#{__LINE__ - 3}: now :reserv needs a method reserv in Wrong.*Did you mean reserve\?/)
  end

  it "says that a step's method may not require arguments" do
    wrong = define("Wrong") { include Workflow; workflow { now :go }; def go(there); end }

    expect { described_class.of(wrong).verify }.to raise_error(Workflow::DefinitionError, /Wrong#go without arguments/)
  end

  it "lets an await do without a method, but not its otherwise" do
    right = define("Right") { include Workflow; workflow { await :click, expires_in: 5 } }
    wrong = define("Wrong") { include Workflow; workflow { await :click, expires_in: 5, otherwise: :chase } }

    expect { described_class.of(right).verify }.not_to raise_error
    expect { described_class.of(wrong).verify }.to raise_error(Workflow::DefinitionError, /needs a method chase/)
  end

  it "checks the classes that are loaded, and those at the end of a line only" do
    abstract = define("Abstract") { include Workflow; workflow { now :go } }
    define("Concrete", abstract) { def go; end }

    expect(described_class.classes).to include(Concrete)
    expect(described_class.classes).not_to include(abstract)
    expect { Workflow.verify }.not_to raise_error
  end
end
