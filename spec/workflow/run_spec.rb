# frozen_string_literal: true

RSpec.describe Workflow::Run do
  let(:order) do
    define("Order") do
      include Workflow
      workflow { now :reserve; later :charge, retries: 1, backoff: 60; await :confirm, expires_in: 600; later :ship }
      class << self
        attr_accessor :broken
      end
      def reserve; end
      def charge = (raise IOError, "no bank" if self.class.broken)
      def ship; end
    end
  end

  it "is never nil: without a run its state is :none" do
    run = order.new.workflow

    expect(run).to have_attributes(state: :none, id: nil, version: 0, events: [], waiting_for: nil, error: nil, tags: {}, started_at: nil)
    expect(run.steps.map { |step| [ step.name, step.state ] }).to eq %i[reserve charge confirm ship].map { |name| [ name, :pending ] }
    expect(run).to be_none
    expect { run.retry }.to raise_error(Workflow::NotPending, /\AOrder\S*: there is no run to retry\. Start one\.\z/)
    expect(order.new.workflow(:to_s)).to have_attributes(state: :none, name: :".to_s")
    expect { order.new.workflow(:nonsense) }.to raise_error(Workflow::DefinitionError)
  end

  it "tells how it stands" do
    run = order.start.workflow

    expect(run).to have_attributes(state: :running, name: :workflow, version: 5, ended_at: nil, reason: nil)
    expect(run.started_at).to be_within(5).of(Time.now)
    expect(run.current_step.name).to eq :charge
    expect(run).to be_completed(:reserve)
    expect(run).not_to be_waiting_for(:confirm)
    expect(run.to_h).to include(state: :running, name: :workflow, steps: include(include(name: :reserve, state: :completed)))
    expect { run.step(:chrge) }.to raise_error(ArgumentError, /no step :chrge. Did you mean charge\?/)
  end

  it "is a copy of the moment, until it is reloaded" do
    run = order.start.workflow
    order.new.now(:charge)

    expect(run).to be_running
    expect(run.reload).to be_waiting
    expect(run.step(:confirm).due_at).to be_within(5).of(Time.now + 600)
  end

  it "is the same as another copy of it, whenever that was read" do
    object = order.start
    first = object.workflow
    object.now(:charge)
    later = object.workflow
    later.cancel
    other = order.start.workflow

    expect(later.version).to be > first.version
    expect([ first == later, first.eql?(Workflow::Run.find(first.id)), first == other, first == first.id ]).to eq [ true, true, false, false ]
    expect([ first, later, other ].uniq).to eq [ first, other ]
    expect(order.workflows).to include(first)
    expect(order.new.workflow(:to_s)).not_to eq order.new.workflow(:to_s)
  end

  it "finds the run when one has been started meanwhile" do
    run = order.new.workflow
    order.start

    expect(run.reload).to be_running
    expect(run.id).to eq order.new.workflow.id
  end

  it "sorts by its id" do
    ids = Array.new(5) { define("Order#{_1}", order).start.workflow.id }

    expect(ids).to eq ids.sort
  end

  it "finds the object that it is about" do
    run = described_class.new(Workflow.engine.find(order.start.workflow.id))

    expect(run.subject).to be_an order
  end

  it "has all its events, versions without a gap" do
    run = order.start.workflow
    12.times { order.new.submit(:confirm) }
    stub_const("Workflow::Run::PAGE", 2)

    expect(run.events.map(&:version)).to eq (1..5).to_a
  end

  describe "retry" do
    it "runs what failed again, with new attempts" do
      order.broken = true
      run = order.start.workflow
      2.times { order.new.now(:charge) }
      expect(run.reload).to be_failed
      expect(run.step(:charge)).to have_attributes(attempts: 2, round: 1)

      order.broken = false
      expect(run.retry).to be_running
      work
      eventually("it waits") { run.reload.waiting? }
      expect(run.step(:charge)).to have_attributes(attempts: 1, round: 2, state: :completed)
    end

    it "runs a step again that a person asks for" do
      run = order.start.workflow
      order.new.now(:charge)

      expect(run.reload.retry(from: :reserve).step(:reserve)).to have_attributes(state: :ready, round: 2)
      expect { run.retry(from: :resrve) }.to raise_error(ArgumentError, /Did you mean reserve/)
    end

    it "does not open a run that is over while its subject has another" do
      first = order.start.workflow
      first.cancel
      second = order.new.start

      expect { first.retry(from: :reserve) }
        .to raise_error(Workflow::NotPending, /has another run that is open, #{second.id} \(running\), and run #{first.id} is over/)
      expect(first.reload).to be_cancelled
    end

    it "says when there is nothing to retry" do
      run = order.start.workflow

      expect { run.retry }.to raise_error(Workflow::NotPending, /nothing to retry: .* is running \(run #{run.id}\)/)
      expect { run.retry(from: :charge) }.to raise_error(Workflow::NotPending, /the step charge .* is ready/)
    end
  end

  describe "inside a step" do
    it "is the run of that step, with attempt and fence" do
      seen = []
      inside = define("Inside") do
        include Workflow
        workflow { now :go }
        define_method(:go) { seen << [ workflow, workflow(:workflow), self.class.new.workflow, workflow.attempt, workflow.fence ] }
      end
      run = inside.start.workflow
      mine, named, others, attempt, fence = seen.first

      expect([ mine.id, named.id, attempt ]).to eq [ run.id, run.id, 1 ]
      expect(fence).to be_positive
      expect(others.attempt).to be_nil
      expect(inside.new.workflow.attempt).to be_nil
    end
  end
end
