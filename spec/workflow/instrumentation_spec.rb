# frozen_string_literal: true

require "active_support"
require "active_support/notifications"

RSpec.describe Workflow::Instrumentation do
  let(:told) { Queue.new }
  let!(:order) do
    define("Order") do
      include Workflow
      workflow { now :reserve; later :charge, retries: 1, backoff: 0.01; await :confirm, expires_in: 600 }
      def reserve; end
      def charge = (raise IOError, "secret" if workflow.attempt < 2)
      def confirm(code:) = (reject "secret" unless code == 1)
    end
  end

  around do |example|
    ActiveSupport::Notifications.subscribed(->(*given) { told << ActiveSupport::Notifications::Event.new(*given) }, /\.workflow\z/) { example.run }
  end

  # What was told until something is, as [name, step].
  def told_until(name)
    all = []
    all << told.pop until all.last&.name == "#{name}.workflow"
    all
  end

  it "tells on the caller's thread what a caller did" do
    order.start

    expect(told.size).to eq 3
    expect(told_until("complete").map { |event| [ event.name, event.payload[:step] ] })
      .to eq [ [ "start.workflow", nil ], [ "attempt.workflow", :reserve ], [ "complete.workflow", :reserve ] ]
  end

  it "tells in the worker's process what it did, with ids and names only" do
    work
    run = order.start.workflow
    waited = told_until("wait")
    expect(waited.count { |event| event.name == "attempt.workflow" }).to eq 3
    expect(waited.map { |event| event.name.delete_suffix(".workflow") }.reject { |name| name == "attempt" })
      .to eq %w[start complete fail retry complete wait]

    run.submit(:confirm, code: 2)
    run.submit(:confirm, code: 1)
    done = told_until("done")
    expect(done.select { |event| event.name == "submit.workflow" }.map { |event| event.payload[:accepted] }).to eq [ false, true ]
    expect((waited + done).map(&:payload)).to all(include(run_id: run.id, subject_class: "Order", workflow: "workflow", by: String))
    transitions = (waited + done).reject { |event| event.name == "attempt.workflow" }
    expect(transitions.map { |event| event.payload.inspect }.join).not_to include("secret")
    failure = waited.find { |event| event.name == "fail.workflow" }
    expect(failure.payload).to include(step: :charge, attempt: 1, error: "IOError", by: /\Aworker:/)
  end

  it "tells of an attempt how long it took, and what it raised" do
    order.start
    expect { order.new.now!(:charge) }.to raise_error(IOError)
    attempt = told_until("retry").select { |event| event.name == "attempt.workflow" }.last

    expect(attempt.payload).to include(step: :charge, attempt: 1, exception: [ "IOError", "secret" ])
    expect(attempt.duration).to be >= 0
  end
end
