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
    expect { order.new.now(:ship) }.to raise_error(Workflow::NotPending, /ship is not pending: it is pending|ship.*it is/)
    order.new.now(:pack)
    expect { order.new.now(:pack) }.to raise_error(Workflow::NotPending, /pack is not pending: it is completed \(the run is waiting\)/)
    expect { order.new.later(:confirm) }.to raise_error(Workflow::NotPending, /confirm.*it is waiting.*submit/)
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
