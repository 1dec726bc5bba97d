# frozen_string_literal: true

require "active_support"
require "active_support/notifications"
require "timeout"

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
    Timeout.timeout(20) { all << told.pop until all.last&.name == "#{name}.workflow" }
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

  describe "to several workers of a process" do
    let!(:quick) { define("Quick") { include Workflow; def call; end } }

    # What is told of a run from its start to its end.
    def told_of(run) = told_until("done").select { |event| event.payload[:run_id] == run.id }.map(&:name).sort

    let(:names) { %w[attempt complete done start].map { |name| "#{name}.workflow" } }

    it "tells once what they do, and again what those do that come when all have left" do
      Array.new(2) { work(threads: 1) }.tap { expect(told_of(quick.new.later(:call))).to eq names }.each(&:stop)
      expect(told).to be_empty

      work(threads: 1)
      expect(told_of(quick.new.later(:call))).to eq names
    end

    it "tells in a child what its own do" do
      work(threads: 1)
      told_of(quick.new.later(:call))
      reader, writer = IO.pipe
      pid = fork do
        Workflow.configure { |config| config.store = "sqlite:#{@directory}/child.sqlite3" } # or the parent's may be quicker
        told.clear
        run = quick.new.later(:call)
        Workflow::Worker.new(threads: 1).start
        writer.puts told_of(run).join(" ")
      rescue Exception => error # rubocop:disable Lint/RescueException -- what a child raises must not run the specs
        writer.puts error.full_message
      ensure
        exit!
      end
      writer.close

      expect(reader.gets.split).to eq names
    ensure
      Process.kill("KILL", pid)
      Process.wait(pid)
    end
  end

  it "publishes inside what the application wants around steps" do
    inside = Queue.new
    wrapper = Workflow.configuration.wrapper
    Workflow.configuration.adopt(root: Dir.pwd, environment: "test", wrapper: ->(&code) { Thread.current[:wrapped] = true; code.call; Thread.current[:wrapped] = nil })
    ActiveSupport::Notifications.subscribed(->(*) { inside << [ Thread.current.name, Thread.current[:wrapped] ] }, "done.workflow") do
      define("Quick") { include Workflow; def call; end }.new.later(:call)
      work(threads: 1).then { expect(inside.pop).to eq [ "workflow-announcer", true ] }
    end
  ensure
    Workflow.configuration.adopt(root: Dir.pwd, environment: "development", wrapper: wrapper)
  end

  describe "when a subscriber raises" do
    let(:log) { StringIO.new }
    let(:calls) { Queue.new }

    # Two, since Active Support raises an error of its own then; and one that fails before what it is to measure.
    let(:subscribers) do
      early = Class.new { def start(*) = raise("early"); def finish(*); end }.new
      [ ActiveSupport::Notifications.subscribe(/\.workflow\z/) { raise "one" }, ActiveSupport::Notifications.subscribe(/\.workflow\z/) { raise NotImplementedError, "two" },
        ActiveSupport::Notifications.subscribe("attempt.workflow", early) ]
    end

    before do
      subscribers
      Workflow.configuration.logger = Logger.new(log)
      heard = calls
      define("Careful") do
        include Workflow
        workflow { now :one; later :two; await :three }
        %i[one two].each { |name| define_method(name) { heard << name } }
        def three(code:) = reject("wrong")
        def broken = raise(IOError, "its own")
      end
    end

    after do
      subscribers.each { |subscriber| ActiveSupport::Notifications.unsubscribe(subscriber) }
      Workflow.configuration.logger = nil
    end

    it "reports that, and callers and workers go on" do
      run = Careful.start.workflow
      expect(run.step(:one)).to have_attributes(state: :completed, attempts: 1, by: Workflow::Role.by)
      work(threads: 1)
      eventually("the worker is through") { run.reload.waiting? }
      expect(run.submit(:three, code: 1).errors.full_messages).to eq [ "wrong" ]

      expect(Array.new(calls.size) { calls.pop }).to eq %i[one two]
      expect(run.events.map(&:kind)).not_to include :step_failed
      expect(log.string).to match(/WARN .*InstrumentationSubscriberError.*#{run.id}.*run_started/).and match(/RuntimeError: early .*#{run.id}.*worker:/)
    end

    it "has the error of a step be that of the step" do
      expect { Careful.new.now(:broken) }.to raise_error IOError, "its own"
      expect(told_until("fail").find { |event| event.name == "attempt.workflow" }.payload[:exception]).to eq [ "IOError", "its own" ]
    end
  end
end
