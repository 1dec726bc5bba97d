# frozen_string_literal: true

RSpec.describe Workflow::Event do
  let(:run) do
    define("Order") do
      include Workflow
      workflow { now :go, retries: 1, backoff: 60; await :confirm }
      def go = (raise IOError, "no" if workflow.attempt < 2)
    end
    Order.start.workflow
  end

  it "says what happened, to which step, when and by whom" do
    failed = run.events.find { |event| event.kind == :step_failed }

    expect(failed).to have_attributes(run_id: run.id, version: 4, step: :go, attempt: 1, round: 1, element: nil, by: Workflow::Role.by)
    expect(failed.at).to be_within(5).of(Time.now)
    expect(failed.position).to be_an Integer
    expect(failed.data).to match(round: 1, error: Workflow::Failure.new("IOError", "no"), message: "no", where: /event_spec/)
    expect(run.events.last.data).to match(round: 1, due_at: be_within(5).of(Time.now + 60))
  end

  it "carries what was submitted, and shows it as written where it cannot be read" do
    run.now(:go)
    run.submit(:confirm, code: 1)
    accepted = run.events.find { |event| event.kind == :input_accepted }

    expect(accepted.data[:input]).to eq(code: 1)
    expect(run.events.find { |event| event.kind == :run_started }.data).not_to include(:input)
    broken = described_class.new([ 1, "x", 1, :input_accepted, :a, nil, 1, 0, "b", nil, nil, nil, nil, nil, "[{" ])
    expect(broken.data[:input]).to eq "[{"
  end

  it "is read in order over the whole log" do
    run
    expect(Workflow.events(limit: 2).map(&:kind)).to eq %i[run_started step_scheduled]
    expect(Workflow.events(after: Workflow.engine.last_position)).to eq []
  end

  it "is read so many at a time, without one left out or told twice" do
    run
    all = Workflow.events.map(&:position)

    [ 1, 2, 3, all.size ].each do |limit|
      read = []
      while (page = Workflow.events(after: read.last || 0, limit: limit)).any?
        expect(page.size).to be <= limit
        read.concat(page.map(&:position))
      end
      expect(read).to eq all
    end
    expect(Workflow.events(limit: 0)).to eq []
    expect { Workflow.events(limit: -1) }.to raise_error(ArgumentError, /limit/)
  end

  it "is told in the application's time zone" do
    require "active_support"
    require "active_support/core_ext/time"

    Time.use_zone("Tokyo") { expect(run.started_at.zone).to eq "JST" }
  end
end
