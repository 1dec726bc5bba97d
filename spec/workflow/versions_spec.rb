# frozen_string_literal: true

require "active_support"
require "active_support/notifications"

# An open run keeps the names, kinds and dependencies of its steps; everything else is the present code's.
RSpec.describe "Code that changes under open runs" do
  # The class as the code has it from now on: each step notes its name in DONE.
  def code(**methods, &block)
    done = (@done ||= [])
    define("Order") do
      include Workflow
      own = workflow(&block).steps.map(&:name) - methods.keys
      own.each { |step| define_method(step) { |**input| done << (input.empty? ? step : { step => input }) } }
      methods.each { |name, method| define_method(name, &method) }
    end
  end

  attr_reader :done

  def until_state(run, state)
    eventually("it is #{state}") { run.reload.state == state }
    run
  end

  def names(run) = run.steps.map(&:name)

  describe "what a run keeps" do
    it "is its steps and their order: what is new is not for it, what moved stays where it was" do
      code { now :a; later :b; later :c }
      run = Order.new.start
      code { now :a; later :inserted; later :c; later :b }
      work
      until_state(run, :done)

      expect(done).to eq %i[a b c]
      expect(names(run)).to eq %i[a b c]
      expect { Order.new.now(:inserted) }.to raise_error(Workflow::NotPending, /run #{run.id} has no such step/)
      expect(until_state(Order.new.start, :done).events.filter_map { |event| event.step if event.kind == :step_completed }).to eq %i[a inserted c b]
    end

    it "is which of its awaits are an either" do
      code { either { await :card; await :cash }; now :ship }
      run = Order.new.start
      code { await :card; await :cash; now :ship }
      Order.new.submit(:cash)

      expect(run.reload).to be_done
      expect(run.step(:card)).to be_skipped
    end

    it "says that a new await is not awaited" do
      code { await :card }
      Order.new.start
      code { await :card; await :confirm }

      expect(Order.new.submit(:confirm).errors.full_messages).to eq [ "confirm is not awaited: the workflow waits for card." ]
      expect(Order.new.submit(:card).run).to be_done
    end
  end

  describe "what is the present code's" do
    it "is where a step runs" do
      code { await :go; later :a; now :b }
      Order.new.start
      code { await :go; now :a; later :b }
      run = Order.new.submit(:go).run

      expect(done).to eq [ :go, :a ]
      expect([ run.step(:a).kind, run.step(:b).state ]).to eq [ :later, :ready ]
    end

    it "is a body" do
      code { await :go; now :a }
      Order.new.start
      code(a: -> { Order.done << :new_a }) { await :go; now :a }
      Order.define_singleton_method(:done) { @notes ||= [] }
      Order.new.submit(:go)

      expect(Order.done).to eq [ :new_a ]
    end

    it "is how often it is tried again, and after what delay" do
      broken = -> { raise IOError }
      code(a: broken) { await :go; later :a }
      run = Order.new.start
      code(a: broken) { await :go; later :a, retries: 1, backoff: 600 }
      Order.new.submit(:go)
      expect(Order.new.now(:a).step(:a)).to be_retrying
      expect(run.reload.step(:a).due_at).to be_within(60).of(Time.now + 600)
      code(a: broken) { await :go; later :a }

      expect(Order.new.now(:a)).to be_failed
    end

    it "is which errors are not tried again" do
      code(a: -> { raise IOError }) { later :a, retries: 5 }
      run = Order.new.start
      code(a: -> { raise IOError }) { later :a, retries: 5, give_up_on: IOError }

      expect(Order.new.now(:a)).to be_failed
      expect(run.reload.step(:a).attempts).to eq 1
    end

    it "is its condition, and its delay" do
      code { await :go; later :a; later :b }
      Order.new.start
      code(no?: -> { false }) { await :go; later :a, if: :no?; later :b, wait: 3600 }
      Order.new.submit(:go)
      run = Order.new.now(:a)

      expect([ run.state, run.step(:a).state, run.step(:b).due_at > Time.now + 3000 ]).to eq [ :scheduled, :skipped, true ]
    end

    it "is the expiry of an await that is not open yet, and of an open one it is what it was" do
      code { await :first, expires_in: 600; await :second, expires_in: 600 }
      run = Order.new.start
      code { await :first, expires_in: 60; await :second, expires_in: 60 }
      expect(run.reload.step(:first).due_at).to be_within(30).of(Time.now + 600)

      expect(Order.new.submit(:first).run.step(:second).due_at).to be_within(30).of(Time.now + 60)
    end

    context "with an await that is open as its time passes" do
      def refund = -> { Order.done << :refund }

      def expired(run)
        work
        Workflow.engine.travel(61_000)
        eventually("it has ended") { run.reload.ended? || run.failed? }
        run
      end

      def order(otherwise: nil, **methods)
        list = (@done ||= [])
        code(**methods) { await :confirm, expires_in: 60, **{ otherwise: otherwise }.compact; now :on }
        Order.define_singleton_method(:done) { list }
      end

      before { order(otherwise: :refund, refund: refund) }

      it "is the method that is called then" do
        run = Order.new.start
        order(otherwise: :give_back, give_back: -> { Order.done << :give_back })

        expect(expired(run)).to be_expired
        expect(done).to eq [ :give_back ]
      end

      it "is also of two that there are" do
        run = Order.new.start
        order(otherwise: :give_back, refund: refund, give_back: -> { Order.done << :give_back })

        expect(expired(run)).to be_expired
        expect(done).to eq [ :give_back ]
      end

      it "is what the await opened with, where the code says nothing of it any more" do
        run = Order.new.start
        order(refund: refund)

        expect(expired(run)).to be_expired
        expect(done).to eq [ :refund ]
      end

      it "fails the step where that method is gone, until it is there" do
        run = Order.new.start
        order
        expect(expired(run)).to be_failed
        expect(run.step(:confirm).error.to_s).to match(/\AWorkflow::DefinitionError: Order#confirm \(run #{run.id}, attempt 1\): Order has no method refund, which await :confirm \(.*versions_spec\.rb:\d+\) calls to/)
        expect(run.step(:confirm).error.to_s).to end_with("Bring it back, or name another one in otherwise:; then run.retry.")
        order(otherwise: :give_back, give_back: -> { Order.done << :give_back })
        run.retry
        eventually("it is expired") { run.reload.expired? }

        expect(done).to eq [ :give_back ]
      end
    end

    it "is the types of an input's fields" do
      code { await :go }
      Order.new.start
      code { await :go, fields: { code: Integer } }

      expect(Order.new.submit(:go).errors[:code]).not_to be_empty
      expect(Order.new.submit(:go, code: "7").run.input(:go)).to eq(code: 7)
    end
  end

  describe "renamed" do
    # A run of the old code, in the new.
    def begun
      code { now :create; later :send_link; await :activate, expires_in: 600; later :onboard }
      Order.new.start
      code do
        renamed :send_link, to: :mail_link
        renamed :activate, to: :confirm
        renamed :onboard, to: :welcome
        now :create
        later :mail_link, retries: 2, backoff: 60
        await :confirm, expires_in: 60, fields: { code: Integer }
        now :welcome, result: true
      end
      Order.new.workflow
    end

    it "calls the method of the present name, with the options of the present step" do
      run = begun
      expect(Order.new.now(:mail_link).id).to eq run.id
      expect(run.reload.step(:confirm).due_at).to be_within(30).of(Time.now + 60)
      expect(Order.new.submit(:confirm, code: "1").run).to be_done

      expect(done).to eq [ :create, :mail_link, { confirm: { code: 1 } }, :welcome ]
    end

    it "lets workers do so too" do
      run = begun
      work
      until_state(run, :waiting)

      expect(done).to eq %i[create mail_link]
    end

    it "shows steps under their present names, and events under those that they were recorded with" do
      run = begun
      Order.new.now(:mail_link)
      run.reload

      expect(names(run)).to eq %i[create mail_link confirm welcome]
      expect(run.waiting_for).to eq :confirm
      expect(run.current_step.name).to eq :confirm
      expect(run.to_h[:steps].map { |step| step[:name] }).to eq names(run)
      expect(run.events.filter_map(&:step).uniq).to eq %i[create send_link activate]
      expect(Order.workflows.at(:confirm).map(&:id)).to eq [ run.id ]
      expect(Workflow::Run.new(Workflow.engine.find(run.id)).steps.map(&:name)).to eq names(run)
    end

    it "takes the old names as well as the present ones" do
      run = begun
      expect(Order.new.later(:send_link).step(:mail_link)).to be_ready
      expect(Order.new.now(:send_link).waiting_for?(:activate)).to be true
      expect(run.reload.waiting_for?(:confirm)).to be true
      expect([ run.completed?(:send_link), run.completed?(:mail_link) ]).to eq [ true, true ]
      expect(run.step(:send_link)).to equal(run.step(:mail_link))
      expect { Order.new.now(:activate) }.to raise_error(Workflow::NotPending, /Give it its input with submit/)

      expect(Order.new.submit(:activate, code: 7)).to be_accepted
      expect([ run.reload.input(:activate), run.input(:confirm) ]).to eq [ { code: 7 }, { code: 7 } ]
      expect([ run.result(:onboard), run.result(:welcome) ]).to all(eq done)
      expect(Order.new.submit(:confirm, code: 7).errors.full_messages).to eq [ "confirm is already done." ]
      expect(run.retry(from: :mail_link).step(:send_link)).to have_attributes(state: :ready, round: 2)
      expect { run.step(:send_lnk) }.to raise_error(ArgumentError, /no step :send_lnk/)
    end

    it "knows a run of the new code by the old names too" do
      begun
      code { now :mail_link; renamed :send_link, to: :mail_link; await :on }
      run = define("Other", Order).new.start

      expect(names(run)).to eq %i[mail_link on]
      expect(run.completed?(:send_link)).to be true
    end

    it "finds the runs that are at a step, whatever they call it" do
      run = begun
      expect(Order.workflows.at(:mail_link).map(&:id)).to eq [ run.id ]
      expect(Order.workflows.at(:send_link).count).to eq 1

      Order.new.now(:mail_link)
      expect([ Order.workflows.at(:mail_link).count, Order.workflows.at(:confirm).waiting.count ]).to eq [ 0, 1 ]
    end

    it "shows a name that two steps would have for the first only" do
      code { now :a; later :b; later :c; await :d }
      Order.new.start
      code { now :all; renamed :a, :b, to: :all; now :c; renamed :d, to: :c }

      expect(names(Order.new.workflow)).to eq %i[all b c d]
    end

    it "runs the method of a name that two steps would have once for each of them" do
      code { await :go; now :a; now :b }
      Order.new.start
      code { await :go; now :all; renamed :a, :b, to: :all }

      expect(Order.new.submit(:go).run).to be_done
      expect(done).to eq %i[go all all]
    end

    it "tells notifications what was recorded" do
      begun
      seen = []
      subscriber = ActiveSupport::Notifications.subscribe("complete.workflow") { |*, payload| seen << payload[:step] }
      Order.new.now(:mail_link)

      expect(seen).to eq [ :send_link ]
    ensure
      ActiveSupport::Notifications.unsubscribe(subscriber)
    end

    it "has its place in config/workflow.yml under either name" do
      %w[send_link mail_link].each do |name|
        File.write("#{@directory}/workflow.yml", { Workflow.configuration.environment => { "steps" => { "Order" => { name => "now" } } } }.to_yaml)
        code { await :go; later :mail_link; renamed :send_link, to: :mail_link }
        Workflow.configuration.reload

        expect(Order.new.start && Order.new.submit(:go).run).to be_done
      end
    end
  end

  describe "a step that is gone" do
    # What a workflow has instead of `send_link`.
    def begun
      code { now :create; later :send_link; await :activate; later :welcome }
      Order.new.start
      code { now :create; later :mail_link; await :activate; later :welcome }
      Order.new.workflow
    end

    it "pauses the run when its turn comes at a worker, and says what to do" do
      run = begun
      work
      until_state(run, :paused)

      expect(run.reason).to eq "Order's workflow (#{Workflow::Gap.short(Order.workflow.location)}) has no step send_link any more. Bring it back, or say " \
        "`renamed :send_link, to: :mail_link`, or skip it: run.skip(:send_link); then run.resume, with run = Workflow::Run.find(\"#{run.id}\"). " \
        "The run began with now create, later send_link, await activate, …; the code has now create, later mail_link, await activate, …."
      expect(run.events.map(&:kind).last(2)).to eq %i[step_scheduled run_paused]
      expect(run.step(:send_link)).to have_attributes(state: :ready, reason: nil, error: nil)
      expect(done).to eq [ :create ]
    end

    it "pauses it at a caller, who gets the run" do
      run = begun
      expect(run.now(:send_link)).to be_paused
      expect(run.reload.resume).to be_running
      expect(run.now(:send_link)).to be_paused
    end

    it "raises at a caller who wants errors" do
      code { await :go; now :gone }
      Order.new.start
      code { await :go }
      expect { Order.new.submit!(:go) }.to raise_error(Workflow::StepVanished, /no step gone any more/)
    end

    it "pauses it again after resume, until the code has it back" do
      run = begun
      work
      2.times do
        until_state(run, :paused)
        run.resume
      end
      until_state(run, :paused)
      code { now :create; later :send_link; await :activate; later :welcome }
      run.resume
      until_state(run, :waiting)

      expect(done).to eq %i[create send_link]
      expect(run.events.map(&:kind)).not_to include(:step_failed) # that it was taken and went back may be told
    end

    it "goes on under another name once the code says so" do
      run = begun
      work
      until_state(run, :paused)
      code { now :create; later :mail_link; renamed :send_link, to: :mail_link; await :activate; later :welcome }
      Order.new.workflow.resume
      until_state(run, :waiting)

      expect(done).to eq %i[create mail_link]
    end

    it "goes on when it was skipped" do
      run = begun
      work
      until_state(run, :paused)
      run.skip(:send_link).resume
      until_state(run, :waiting)
      Order.new.submit(:activate)
      until_state(run, :done)

      expect(run.step(:send_link)).to be_skipped
      expect(done).to eq %i[create activate welcome]
    end

    it "may be skipped before its turn comes" do
      code { await :go; later :gone; later :on }
      Order.new.start
      code { await :go; later :on }
      Order.new.workflow.skip(:gone)
      run = Order.new.submit(:go).run
      work
      until_state(run, :done)

      expect(done).to eq %i[go on]
    end

    it "goes on with its other branches too" do
      code { together { later :gone; later :slow }; later :on }
      run = Order.new.start
      code { later :slow; later :on }
      work(threads: 1)
      until_state(run, :paused)
      run.skip(:gone).resume
      until_state(run, :done)

      expect(done).to eq %i[slow on]
    end
  end

  # A run with branches, of which one waits for a person and one comes to the step that is gone.
  it "is found at the step that it is paused at, in whichever branch, and carried over" do
    code { together { await :confirm; later :gone, wait: 3600 }; later :on }
    stopped = Order.new.start
    code { together { await :confirm; later :on } }
    elsewhere = define("Elsewhere", Order).new.start.pause(reason: "closed")
    work
    Workflow.engine.travel(3_601_000)
    until_state(stopped, :paused)

    expect(stopped.current_step.name).to eq :confirm
    expect([ :confirm, :gone, :on, :unheard_of ].map { |step| stopped.at?(step) }).to eq [ true, true, false, false ]
    expect([ elsewhere.at?(:gone), elsewhere.at?(:confirm) ]).to eq [ false, true ]
    found = Order.workflows.paused.select { |run| run.at?(:gone) }
    expect(found.map(&:id)).to eq [ stopped.id ]
    found.each { |run| run.skip(:gone).resume }
    expect(until_state(stopped, :waiting).submit(:confirm)).to be_accepted
    until_state(stopped, :done)
    expect(done).to eq %i[confirm on]
  end

  describe "an await that is gone" do
    def begun
      code { later :a; await :confirm, expires_in: 600; now :b }
      Order.new.start
      code { later :a; now :b }
      Order.new.workflow
    end

    it "does not open when its turn comes" do
      run = begun
      Order.new.now(:a)

      expect(run.reload).to be_paused
      expect(run.reason).to include("has no step confirm any more", "run.skip(:confirm)")
      expect(run.waiting_for).to be_nil
      expect(run.events.map(&:kind)).not_to include(:input_requested)
      expect(Order.new.workflow.submit(:confirm).errors.full_messages.first).to start_with("confirm is not awaited")
      run.skip(:confirm).resume
      work
      until_state(run, :done)
    end

    it "opens when the code has it back" do
      run = begun
      Order.new.now(:a)
      code { later :a; await :confirm, expires_in: 600; now :b }
      work
      run.resume

      expect(until_state(run, :waiting).step(:confirm).due_at).to be_within(60).of(Time.now + 600)
    end

    it "is refused when it was open, and pauses the run" do
      code { await :confirm; now :b }
      run = Order.new.start
      code { now :b }
      submission = Order.new.submit(:confirm)

      expect(submission).not_to be_accepted
      expect(submission.errors.full_messages.first).to include("has no step confirm any more")
      expect(submission.run).to be_paused
      expect { Order.new.workflow.resume && Order.new.submit!(:confirm) }.to raise_error(Workflow::NotWaiting, /no step confirm any more/)
      run.reload.skip(:confirm).resume
      work
      expect(until_state(run, :done).step(:confirm)).to be_skipped
    end

    it "pauses the run before its otherwise" do
      code(chase: -> { }) { await :confirm, expires_in: 60, otherwise: :chase }
      run = Order.new.start
      code { now :b }
      work
      Workflow.engine.travel(61_000)

      expect(until_state(run, :paused).reason).to include("no step confirm any more")
    end
  end

  it "pauses where a step has become an await, or an await a step" do
    code { await :go; later :check; await :confirm }
    Order.new.start
    code { await :go; await :check; now :confirm }
    run = Order.new.submit(:go).run
    work
    until_state(run, :paused)
    expect(run.reason).to include("has check as an await, and the run began with check as a step that is run (later)", "run.skip(:check)")
    run.skip(:check).resume
    eventually("it is paused again") { run.reload.paused? && run.reason.include?("confirm as a step that is run (now)") }

    expect(run.reason).to include("began with confirm as an await")
  end

  it "says so to who submits to the paused run, in one sentence after another" do
    code { await :go; later :check; await :confirm }
    Order.new.start
    code { await :go; await :confirm }
    run = Order.new.submit(:go).run
    work
    until_state(run, :paused)

    expect(Order.new.submit(:confirm).errors.full_messages.first).to match(/\Aconfirm is not awaited: the workflow is paused: .*no step check any more.*[^.]\.\z/)
  end

  it "pauses where the workflow is gone; the run can be cancelled" do
    code { await :go; later :check }
    define("Order") { include Workflow; workflow(:old) { await :go; later :check }; def check; end }
    run = Order.new.start(:old)
    define("Order") { include Workflow; workflow { now :check }; def check; end }
    found = Workflow::Run.new(Workflow.engine.find(run.id))

    expect(found.submit(:go).errors.full_messages.first).to include("Order has no workflow old any more. Declare it again")
    expect(found.reload).to be_paused
    expect(found.cancel).to be_cancelled
  end
end
