# frozen_string_literal: true

RSpec.describe Workflow::Caller::Stepping do
  let(:order) do
    define("Order") do
      include Workflow
      attr_reader :done
      workflow { later :pack, retries: 3, backoff: 60; now :label; await :confirm; later :ship }
      def initialize(failing = nil) = (@failing, @done = failing, [])
      def pack = (done << :pack) && @failing && raise(@failing)
      def label = done << :label
      def ship; end
    end
  end

  it "takes a pending step from the workers and runs it here, and what follows now" do
    order.start
    object = order.new
    run = object.now(:pack)

    expect(object.done).to eq [ :pack, :label ]
    expect(run).to be_waiting_for(:confirm)
    expect(run.step(:pack).by).to start_with(Workflow::Role.by.split(":").first)
  end

  it "hurries a step that is being retried" do
    order.start
    expect(order.new(IOError).now(:pack)).to be_retrying
    expect { order.new(IOError).now!(:pack) }.to raise_error(IOError)
    expect(order.new.now(:pack).step(:pack)).to have_attributes(state: :completed, attempts: 3)
  end

  it "says why a step is not pending" do
    expect { order.new.now(:pack) }.to raise_error(Workflow::NotPending, /pack is not pending: no run of it has started/)
    order.start
    expect { order.new.now(:ship) }
      .to raise_error(Workflow::NotPending, /\AOrder: the turn of the step ship has not come: it comes after confirm, which is pending \(run \w+\)\.\z/)
    expect { order.new.later(:label) }.to raise_error(Workflow::NotPending, /the step label has not come: it comes after pack, which is ready \(run/)
    order.new.now(:pack)
    expect { order.new.now(:pack) }.to raise_error(Workflow::NotPending, /pack is not pending: it is completed \(the run is waiting\)/)
    expect { order.new.later(:confirm) }.to raise_error(Workflow::NotPending, /confirm.*it is waiting.*submit/)
  end

  it "says when the turn of a step comes, and names all that it comes after" do
    define("Parcel") { include Workflow; workflow { together { later :a; await :b; now :c }; await :d, wait: 60; later :e }; def a; end; def c; end; def e; end }
    Parcel.start

    expect { Parcel.new.now(:d) }
      .to raise_error(Workflow::NotPending, /\AParcel: the turn of the step d has not come: it comes after a, which is ready, and b, which is waiting \(run \w+\)\.\z/)
    Parcel.new.now(:a)
    Parcel.new.submit(:b)
    expect { Parcel.new.later(:e) }.to raise_error(Workflow::NotPending, /the turn of the step e has not come: it comes after d, which is pending/)
    expect { Parcel.new.now(:d) }.to raise_error(Workflow::NotPending, "Parcel: the turn of the step d comes at #{Parcel.new.workflow.step(:d).due_at} (run #{Parcel.new.workflow.id}).")
  end

  [ nil, 3, [ :pack ], Object ].each do |name|
    it "says what it takes, and that #{name.inspect} is no name" do
      object = order.start
      run = object.workflow
      said = ->(word) { raise_error(ArgumentError, /\A#{Regexp.escape(word)} takes the name of .*, as a symbol, not #{Regexp.escape(name.inspect)}/) }

      %i[now now! submit submit!].each { |word| expect { object.public_send(word, name) }.to said.call(word.to_s.delete("!")) }
      %i[now submit skip step input].each { |word| expect { run.public_send(word, name) }.to said.call(word == :input ? "step" : word.to_s) }
      expect { object.workflows.named(name) }.to said.call("named")
      next if name.nil?
      %i[start later workflow].each { |word| expect { object.public_send(word, name) }.to said.call(word.to_s) }
      expect { run.retry(from: name) }.to said.call("retry(from:)")
      expect { order.workflow(name) }.to said.call("workflow")
      expect(run.reload.version).to eq run.version
    end
  end

  it "says that a name is no text" do
    expect { order.start.submit("\xff") }.to raise_error(ArgumentError, /submit takes the name of an await, as a symbol, not "\\xFF", which is not valid text/)
  end

  it "hands a pending step to the workers" do
    order.start
    expect(order.new(IOError).now(:pack)).to be_retrying
    expect(order.new.later(:pack).step(:pack)).to be_ready
    work

    eventually("it waits") { order.new.workflow.waiting? }
  end

  it "leaves a step that somebody else is running to them" do
    running, go = Queue.new, Queue.new
    slow = define("Slow") { include Workflow; workflow { later :go }; define_method(:go) { running << 1 and go.pop } }
    run = slow.start.workflow
    work
    running.pop

    expect(slow.new.now(:go)).to be_running
    expect(slow.new.later(:go)).to be_running
    go << 1
    eventually("it is done") { run.reload.done? }
    expect(run.step(:go).attempts).to eq 1
  end

  it "takes no arguments and no options for a step" do
    order.start

    expect { order.new.now(:pack, 5) }.to raise_error(ArgumentError, /pack is a step: it takes no arguments/)
    expect { order.new.later(:pack, retries: 5) }.to raise_error(ArgumentError, /its options are declared/)
  end

  it "is answered by the run too" do
    run = order.start.workflow

    expect(run.now(:pack)).to be_waiting_for(:confirm)
    expect(run.submit(:confirm)).to be_accepted
    expect(run.reload.later(:ship).step(:ship)).to be_ready
    expect(run.start).to be_existing
  end
end
