# frozen_string_literal: true

# One workflow, driven four ways: only who ran a step may differ.
RSpec.describe Workflow::Blueprint do
  def signup(first: :now)
    define("Signup") do
      include Workflow
      workflow do
        public_send(first, :create)
        later :send_link, retries: 2, backoff: 0.01
        await :activate
        later :onboard
      end
      def create; end
      def send_link = (raise IOError if workflow.attempt < 2)
      def activate(code:) = (reject "no" unless code == 1)
      def onboard; end
    end
  end

  # Drives a run to its end, and returns it.
  def drive(run)
    work
    eventually("it waits") { run.reload.waiting? }
    run.submit(:activate, code: 2)
    run.submit(:activate, code: 1)
    eventually("it is done") { run.reload.done? }
    run
  end

  def configure(places)
    File.write("#{@directory}/workflow.yml", { Workflow.configuration.environment => { "steps" => { "Signup" => places } } }.to_yaml)
    Workflow.configuration.reload
  end

  it "leaves the same facts whoever runs a step" do
    ways = {
      as_declared: -> { signup.new.start },
      by_definition: -> { signup(first: :later).new.start },
      by_configuration: -> { (klass = signup) && configure("create" => "later", "send_link" => "now") && klass.new.start },
      by_call: -> { signup.new.start(place: :later) },
      by_pending_step: -> { signup.new.start(place: :later).tap { |run| run.now(:create) } }
    }
    runs = ways.transform_values do |way|
      drive(way.call).tap do
        Workflow.runtime.stop
        FileUtils.rm_f(Workflow.configuration.file)
        Workflow.configuration.reload
      end
    end

    facts = facts_of(runs[:as_declared])
    expect(facts).to include([ :step_failed, :send_link, 1 ], [ :input_rejected, :activate, nil ], [ :run_done, nil, nil ])
    runs.each { |way, run| expect([ way, facts_of(run) ]).to eq [ way, facts ] }
    expect(runs.transform_values { |run| run.step(:create).by[/\A\w+/] == "worker" })
      .to eq(as_declared: false, by_definition: true, by_configuration: true, by_call: true, by_pending_step: false)
  end

  it "hands over delays, conditions of awaits, and which either they are in" do
    klass = define("Order") { include Workflow; workflow { later :pack, wait: 2.5, if: -> { true }; either { await :card, if: -> { true }; await :cash } }; def pack; end }
    Workflow::Store.load_core
    allow(Workflow::Native::Definition).to receive(:new).and_call_original
    klass.workflow.blueprint(klass)

    expect(Workflow::Native::Definition).to have_received(:new).with("Order", "workflow", true, [
      include(deps: [], wait_ms: 2500, asks: false, either: nil),
      include(deps: [ 0 ], wait_ms: nil, asks: true, either: 1), include(deps: [ 0 ], asks: false, either: 1)
    ])
  end

  it "reaches an open run through the configuration, when a step becomes ready" do
    run = signup.new.start
    configure("send_link" => "now", "onboard" => "now")
    2.times { run.now(:send_link) }
    expect(run.submit(:activate, code: 1).run).to be_done
  end

  it "names the file when the configuration does not fit the class" do
    signup
    configure("creat" => "later")

    expect { signup.new.start }.to raise_error(Workflow::DefinitionError, /workflow.yml: Signup has no step creat. Did you mean create\?/)
  end
end
