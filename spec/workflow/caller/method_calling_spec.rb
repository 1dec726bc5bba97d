# frozen_string_literal: true

RSpec.describe Workflow::Caller::MethodCalling do
  let(:index) do
    define("Index") do
      include Workflow
      remembers :name
      attr_reader :name
      step :patient, retries: 2, backoff: 0.01
      step :only, unique: true
      def initialize(name = "books") = (@name = name)
      def call(words, force: false) = [ name, words, force, workflow.name, workflow.attempt ]
      def patient = raise(IOError) if false
      def patient = (raise IOError if workflow.attempt < 3)
      def broken = raise(IOError, "no")
      def only; end
      private def hidden; end
    end
  end

  it "runs a method that is no step under the log, for its value" do
    expect(index.new.now(:call, "w", force: true)).to eq [ "books", "w", true, :".call", 1 ]
    expect(index.new.workflow(:call)).to have_attributes(state: :done, name: :".call")
    expect(index.new.workflow).to be_none
  end

  it "raises the method's own error, and records it" do
    expect { index.new.now(:broken) }.to raise_error(IOError, "no")
    expect(index.new.workflow(:broken)).to have_attributes(state: :failed, error: have_attributes(message: "no"))
  end

  it "queues a method with its arguments, and returns its run" do
    run = index.new.later(:call, "w", with: { force: true })

    expect(run).to have_attributes(state: :running, name: :".call", existing?: false)
    expect(index.new.later(:call, "w").id).not_to eq run.id
    work
    eventually("it is done") { run.reload.done? }
    expect(run.step(:call).by).to start_with("worker:")
  end

  it "takes the options of the class, or of the call, also in the worker" do
    declared = index.new.later(:patient)
    called = index.new.later(:broken, retries: 1, backoff: 0.01, retry_on: IOError)
    given_up = index.new.later(:broken, retries: 5, give_up_on: [ IOError ])
    work

    eventually("all end") { [ declared, called, given_up ].all? { |run| run.reload.done? || run.failed? } }
    expect([ declared, called, given_up ].map { |run| [ run.state, run.steps.first.attempts ] }).to eq [ [ :done, 3 ], [ :failed, 2 ], [ :failed, 1 ] ]
  end

  it "returns the open run of a method that is unique" do
    run = index.new.later(:only)

    expect(index.new.later(:only)).to have_attributes(id: run.id, existing?: true)
    expect { index.new.now(:only) }.to raise_error(Workflow::NotPending, /only is unique, and run #{run.id}/)
  end

  it "refuses options that it does not know, or that are not built yet" do
    expect { index.new.later(:call, "w", retires: 1) }.to raise_error(ArgumentError, /retires:. Did you mean retries/)
    expect { index.new.later(:call, "w", force: true) }.to raise_error(ArgumentError, /no option force:/)
    expect { index.new.later(:call, "w", priority: :urgent) }.to raise_error(ArgumentError, /priority: is not built yet/)
    expect { index.new.later(:call, "w", with: 5) }.to raise_error(ArgumentError, /with: takes a hash/)
    expect { index.new.later(:call, backoff: ->(_) { 1 }) }.to raise_error(Workflow::NotSerializable)
    expect(Workflow.events).to eq []
  end

  it "refuses private and missing methods" do
    expect { index.new.later(:hidden) }.to raise_error(Workflow::DefinitionError, /Index#hidden is private/)
    expect { index.new.now(:cal) }.to raise_error(Workflow::DefinitionError, /neither a step nor a public method cal. Did you mean call\?/)
  end

  it "writes nothing when an argument cannot be written" do
    expect { index.new.later(:call, Object.new) }.to raise_error(Workflow::NotSerializable, /the arguments of Index#call/)
    expect { index.new.now(:call, "x" * (1 << 20)) }.to raise_error(Workflow::PayloadTooLarge, /the arguments of Index#call/)
    expect(Workflow.events).to eq []
  end

  it "says where keywords of the method go, to whoever writes them among the options" do
    %i[force priority].each do |name|
      expect { index.new.later(:call, "a", name => true) }
        .to raise_error(ArgumentError, /\Alater\(:call\): later :call.*\b#{name}:.* It takes retries:, .*\. Keywords of the method go into with: \{ #{name}: … \}\.\z/)
    end
    expect { index.step(:call, force: true) }.to raise_error(Workflow::DefinitionError) { |error| expect(error.message).not_to include "with:" }
  end

  describe "the decorator" do
    it "queues the object's own public methods, and returns itself" do
      later = index.new.later

      expect(later.call("a").call("b", force: true)).to equal later
      expect(index.new.workflows.map(&:name)).to eq [ :".call", :".call" ]
      expect(later).not_to respond_to(:hidden)
      expect { later.nonsense }.to raise_error(NoMethodError)
      expect(later.inspect).to match(/\A#<Workflow::Decorator of Index, which queues .*\bcall\b.*>\z/)
    end

    it "passes options on, and knows methods that were added meanwhile" do
      expect(index.new.later(nil, retries: 4).broken).to be_a Workflow::Decorator
      index.class_eval { def added; end }
      expect(index.new.later.added).to be_a Workflow::Decorator
    end

    it "queues a record's own methods, not its attributes and not ActiveRecord's", :records do
      note = table(:notes) { |t| t.string :text }
      note.class_eval { include Workflow; def publish = update!(text: "published") }
      record = note.create!

      expect(record.later.publish).not_to respond_to(:text)
      expect(record.later).not_to respond_to(:save)
      work
      eventually("it is published") { record.reload.text == "published" }
    end
  end
end
