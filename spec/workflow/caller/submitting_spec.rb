# frozen_string_literal: true

RSpec.describe Workflow::Caller::Submitting do
  let(:signup) do
    define("Welcome") do
      include Workflow
      remembers :name
      attr_reader :name, :seen
      workflow { await :activate; now :greet; await :confirm; later :done }
      def initialize(name = "Ada") = (@name, @seen = name, [])
      def activate(code:)
        reject "Not the code." unless code == 1
        raise IOError, "broken" if name == "broken"
      ensure
        seen << :ensured
      end
      def greet = seen << workflow.input(:activate)
      def done; end
    end
  end

  let(:object) { signup.start("Ada") }

  it "is for one round, where that is said" do
    object.submit!(:activate, code: 1)
    object.workflow.retry(from: :activate)
    seen = object.seen.dup
    submission = Workflow::Caller.new(object, run: object.workflow, round: 1).submit(:activate, code: 1)

    expect(submission.errors.full_messages).to eq [ "activate was asked for again meanwhile, and this input was for the time before." ]
    expect(object.seen).to eq seen
    expect(Workflow::Caller.new(object, run: object.workflow, round: 2).submit(:activate, code: 1)).to be_accepted
  end

  it "runs the await's method with the input, and the now steps that follow, here" do
    submission = object.submit(:activate, code: 1)

    expect(submission).to be_accepted
    expect(submission.errors).to be_empty
    expect(submission.run).to have_attributes(state: :waiting, waiting_for: :confirm)
    expect(object.seen).to eq [ :ensured, { code: 1 } ]
    expect(facts_of(submission.run).last(6).map(&:first))
      .to eq %i[input_accepted step_completed step_scheduled step_started step_completed input_requested]
  end

  it "needs no method, and takes any input then" do
    object.submit!(:activate, code: 1)

    expect(object.submit(:confirm, at: Date.new(2026), by: [ :me ]).run.input(:confirm)).to eq(at: Date.new(2026), by: [ :me ])
  end

  it "has an empty input where nothing was sent, and none before it is accepted" do
    bare = define("Bare") { include Workflow; workflow { await :go; await :stay } }
    run = bare.start.workflow
    expect([ run.input(:go), run.input(:stay) ]).to eq [ nil, nil ]
    run = run.submit(:go).run

    expect([ run.input(:go), run.input(:stay) ]).to eq [ {}, nil ]
    expect(run.skip(:stay).input(:stay)).to be_nil
    expect(run.retry(from: :go).input(:go)).to be_nil
  end

  it "calls no method of every object's, and none of its own words" do
    bare = define("Bare") { include Workflow; workflow { await :select; await :print; await :start; await :test } }
    object = bare.start

    expect { %i[select print start test].each { |name| object.submit!(name, code: 1) } }.not_to output.to_stdout
    expect(object.workflow).to be_done
  end

  it "calls what answers for the object: its own method, or one that it says it responds to" do
    answering = define("Answering") do
      include Workflow
      attr_reader :seen
      workflow { await :print; await :anything }
      def respond_to_missing?(name, _all = false) = name == :anything
      def method_missing(name, **input) = name == :anything ? @seen = input : super
    end
    object = answering.start
    object.define_singleton_method(:print) { |code:| reject "no" unless code == 1 }

    expect(object.submit(:print, code: 2)).not_to be_accepted
    object.submit!(:print, code: 1)
    object.submit!(:anything, by: "me")
    expect(object.seen).to eq(by: "me")
  end

  it "returns why it was rejected, and goes on waiting" do
    submission = object.submit(:activate, code: 2)

    expect(submission).not_to be_accepted
    expect(submission.errors.full_messages).to eq [ "Not the code." ]
    expect(submission.inspect).to start_with("#<Workflow::Submission not accepted (base: see errors.full_messages) #<Workflow::Run ")
    expect(submission.errors[:base]).to eq [ "Not the code." ]
    expect(submission.errors.any?).to be true
    expect(submission.run).to be_waiting_for(:activate)
    expect(object.workflow.events.last).to have_attributes(kind: :input_rejected, reason: "Not the code.")
    expect(object.submit(:activate, code: 1)).to be_accepted
  end

  it "is not caught by rescue" do
    catching = define("Catching") do
      include Workflow
      workflow { await :go }
      def go
        reject "no"
      rescue StandardError
        :caught
      end
    end

    expect(catching.start.submit(:go)).not_to be_accepted
  end

  it "raises any other error, and goes on waiting" do
    object = signup.start("broken")

    expect { object.submit(:activate, code: 1) }.to raise_error(IOError, "broken")
    expect(object.workflow).to be_waiting_for(:activate)
    expect(object.workflow.events.last.error.to_s).to eq "IOError: broken"
    expect { object.submit(:activate, coed: 1) }.to raise_error(ArgumentError, /coed|code/)
  end

  it "says what is awaited instead" do
    expect(object.submit(:confirm).errors.full_messages).to eq [ "confirm is not awaited: the workflow waits for activate." ]
    expect(object.submit(:done).errors.full_messages).to eq [ "done is not awaited: the workflow waits for activate." ]
    object.submit(:activate, code: 1)
    expect(object.submit(:activate, code: 1).errors.full_messages).to eq [ "activate is already done." ]
    expect(object.submit(:activate, code: 1).inspect).to start_with("#<Workflow::Submission not accepted (base: activate is already done.) #<Workflow::Run ")
    expect(signup.new("Grace").submit(:activate, code: 1).errors.full_messages).to eq [ "activate is not awaited: nothing has started." ]
  end

  it "raises with a bang" do
    expect { object.submit!(:activate, code: 2) }.to raise_error(Workflow::Rejected, "Not the code.") do |error|
      expect(error.errors.full_messages).to eq [ "Not the code." ]
    end
    expect { object.submit!(:confirm) }.to raise_error(Workflow::NotWaiting, /waits for activate.*Welcome, run #{object.workflow.id}/)
    expect(object.submit!(:activate, code: 1)).to be_accepted
  end

  it "refuses a step that the class does not have" do
    expect { object.submit(:activat, code: 1) }.to raise_error(Workflow::DefinitionError, /no step :activat.*Did you mean activate\?/)
    expect { object.workflow.submit(:activat, code: 1) }.to raise_error(Workflow::DefinitionError, /no step :activat.*Did you mean activate\?/)
  end

  it "writes nothing when the input cannot be written" do
    version = object.workflow.version

    expect { object.submit(:activate, code: Object.new) }.to raise_error(Workflow::BadInput, /the input of activate/)
    expect { object.submit(:activate, code: "x" * (1 << 20)) }.to raise_error(Workflow::PayloadTooLarge, /the input of activate/)
    expect(object.workflow.version).to eq version
  end

  it "accepts one of many at once" do
    object
    verdicts = Array.new(5) { Thread.new { signup.new("Ada").submit(:activate, code: 1) } }.map(&:value)

    expect(verdicts.count(&:accepted?)).to eq 1
    expect((verdicts.reject(&:accepted?)).flat_map { |verdict| verdict.errors.full_messages }.uniq).to eq [ "activate is already done." ]
  end

  it "waits for another's verdict, and is judged itself after a rejection" do
    inside, go = Queue.new, Queue.new
    signup.remove_method(:activate)
    signup.define_method(:activate) { |code:| code == 2 && (inside << true) && go.pop; reject "Not the code." unless code == 1 }
    object
    first = Thread.new { signup.new("Ada").submit(:activate, code: 2) }
    inside.pop
    second = Thread.new { signup.new("Ada").submit(:activate, code: 1) }
    Thread.pass until second.status == "sleep"
    expect(object.workflow.events.map(&:kind)).not_to include(:input_accepted)
    go << true

    expect([ first.value, second.value ].map(&:accepted?)).to eq [ false, true ]
    expect(facts_of(object.workflow).map(&:first).grep(/input_/)).to eq %i[input_requested input_rejected input_accepted input_requested]
  end

  it "records where another error came from, by a submit without a bang too" do
    object = signup.start("broken")

    expect { object.submit!(:activate, code: 1) }.to raise_error(IOError, "broken")
    rejected = object.workflow.events.last
    expect(rejected).to have_attributes(kind: :input_rejected, reason: nil)
    expect(rejected.data).to include(where: /submitting_spec\.rb:1[0-9]\z/, message: "broken")
    expect(object.workflow.step(:activate).error.to_s).to eq "IOError: broken"
    expect(object.workflow.submit(:activate, code: 2).errors.full_messages).to eq [ "Not the code." ]
    expect(object.workflow.step(:activate)).to have_attributes(error: nil, reason: "Not the code.")
  end

  it "leaves the await to the next one when its thread is killed in the method, and records nothing" do
    inside = Queue.new
    signup.remove_method(:activate)
    signup.define_method(:activate) { |code:| code == 1 || ((inside << true) && sleep) }
    object
    killed = Thread.new { signup.new("Ada").submit(:activate, code: 2) }
    inside.pop
    version = object.workflow.version
    killed.kill.join

    expect(object.submit(:activate, code: 1)).to be_accepted
    expect(object.workflow.events[version].kind).to eq :input_accepted
  end

  context "against the expiry" do
    let(:late) do
      define("Late") do
        include Workflow
        workflow { await :go, expires_in: 3600, otherwise: :chase; now :on }
        def chase; end

        def go(code:)
          Workflow.engine.travel(4_000_000)
          reject "no" unless code
        end

        def on; end
      end
    end

    it "is accepted when its claim came before the time was over" do
      object = late.start
      work

      expect(object.submit(:go, code: 1).run).to be_done
      expect(object.workflow.events.map(&:kind)).not_to include(:input_expired)
    end

    it "expires as soon as the claim ends without acceptance" do
      object = late.start
      work

      expect(object.submit(:go, code: nil).errors.full_messages).to eq [ "no" ]
      eventually("it is expired") { object.workflow.expired? }
      expect(facts_of(object.workflow).map(&:first).last(6)).to eq %i[input_rejected input_expired step_scheduled step_started step_completed run_expired]
    end

    it "is refused from the moment on that its time is over, though no worker has looked" do
      object = late.start
      Workflow.engine.travel(3_600_000)

      expect(object.submit(:go, code: 1).errors.full_messages).to match [ /go is not awaited any more: its time was over at / ]
      expect { object.submit!(:go, code: 1) }.to raise_error(Workflow::NotWaiting, /its time was over/)
      expect(object.workflow).to be_waiting_for(:go)
    end

    it "runs no otherwise without one, and cuts off what follows" do
      bare = define("Bare") { include Workflow; workflow { await :go, expires_in: 3600; now :on }; def on; end }
      run = bare.start.workflow
      work
      Workflow.engine.travel(3_600_001)
      eventually("it is expired") { run.reload.expired? }

      expect(run.steps.map(&:state)).to eq %i[cancelled cancelled]
      expect(run.step(:go).reason).to eq "expired"
    end

    it "fails with its otherwise, and a retry runs that again" do
      broken = true
      late.remove_method(:chase)
      late.define_method(:chase) { broken && raise(IOError, "no") }
      run = late.start.workflow
      work
      Workflow.engine.travel(3_600_001)
      eventually("it has failed") { run.reload.failed? }
      broken = false
      run.retry
      eventually("it is expired") { run.reload.expired? }
    end
  end

  it "finds the workflow that waits, of several with the step" do
    two = define("Two") { include Workflow; workflow(:a) { await :go }; workflow(:b) { await :go } }
    two.new.start(:b)

    expect(two.new.submit(:go).run.name).to eq :b
    expect(two.new.workflow(:a)).to be_none
  end

  it "expires, runs otherwise, and refuses what comes late" do
    late = define("Late") { include Workflow; workflow { await :go, expires_in: 0.05, otherwise: :chase; now :on }; def chase; end; def on; end }
    run = late.start.workflow
    work

    eventually("it is expired") { run.reload.expired? }
    expect(facts_of(run).map(&:first).last(5)).to eq %i[input_expired step_scheduled step_started step_completed run_expired]
    expect(late.new.submit(:go).errors.full_messages.first).to match(/already done|is expired/)
  end

  context "with fields" do
    let(:order) do
      define("Parcel") do
        include Workflow
        attr_reader :seen
        workflow do
          now :pack
          await :confirm, fields: { code: String, count: Integer, on: [ Date, nil ], size: [ :s, :m, nil ] }
          await :receive, fields: { sure: [ true ] }
        end
        def pack; end
        def confirm(code:, **rest)
          reject "Not the code." unless code == "1"
          @seen = { code: code, **rest }
        end
      end
    end
    let(:object) { order.start }

    it "gives the method and the log what was cast" do
      submission = object.submit(:confirm, code: "1", count: "12", on: "2026-02-28", "size" => "m")

      expect(submission).to be_accepted
      expect(object.seen).to eq(code: "1", count: 12, on: Date.new(2026, 2, 28), size: :m)
      expect(submission.run.input(:confirm)).to eq object.seen
      expect(object.submit(:receive, sure: "on").run).to be_done
      expect(object.workflow.input(:receive)).to eq(sure: true)
    end

    it "returns what is wrong by field, and writes nothing" do
      version = object.workflow.version
      submission = object.submit(:confirm, coed: "1", count: "many")

      expect(submission).not_to be_accepted
      expect(submission.errors.to_hash).to eq(code: [ "is missing" ], count: [ "must be a whole number" ],
        coed: [ "is not a field of confirm. Did you mean code?" ])
      expect(submission.errors.full_messages.first(2)).to eq [ "Code is missing", "Count must be a whole number" ]
      expect(submission.run).to be_waiting_for(:confirm)
      expect(object.workflow.version).to eq version
      expect(object.seen).to be_nil
    end

    it "is judged by the method after that" do
      expect(object.submit(:confirm, code: "2", count: "1").errors.to_hash).to eq(base: [ "Not the code." ])
      expect(object.submit(:confirm, code: "1", count: "1")).to be_accepted
    end

    it "raises with a bang" do
      expect { object.submit!(:confirm, count: "1") }.to raise_error(Workflow::Rejected, "Code is missing") do |error|
        expect(error.errors[:code]).to eq [ "is missing" ]
      end
      expect(object.submit!(:confirm, code: "1", count: 1)).to be_accepted
    end

    it "says first that a step is not awaited" do
      expect(object.submit(:receive).errors.full_messages).to eq [ "receive is not awaited: the workflow waits for confirm." ]
      expect { object.submit!(:receive) }.to raise_error(Workflow::NotWaiting, /waits for confirm/)
      expect(order.new.submit(:confirm)).not_to be_accepted
      run = object.workflow
      object.submit(:confirm, code: "1", count: 1)
      expect(object.submit(:confirm).errors.full_messages).to eq [ "confirm is already done." ]
      expect(run.submit(:confirm).errors.full_messages).to eq [ "confirm is already done." ] # by a copy from before
    end

    it "does not wait for another's verdict to say what is wrong" do
      object
      inside, go = Queue.new, Queue.new
      order.remove_method(:confirm)
      order.define_method(:confirm) { |**| inside << true; go.pop }
      other = Thread.new { order.new.submit(:confirm, code: "1", count: 1) }
      inside.pop

      expect(object.submit(:confirm, count: 1).errors[:code]).to eq [ "is missing" ]
    ensure
      go << true
      expect(other.value).to be_accepted
    end

    it "returns errors for what is hostile" do
      version = object.workflow.version
      [ "\xff", "a\0b", "x" * (2 << 20) ].each do |text|
        expect(object.submit(:confirm, code: text, count: text, on: text, size: text).errors.to_hash.keys)
          .to eq %i[code count on size]
      end
      expect(object.submit(:confirm, code: "\u0001" * (1 << 19), count: 1).errors[:base]).to eq [ "The input of confirm is too large" ]
      expect(object.submit(:confirm, "\xff" => 1, code: "1", count: 1).errors[:base].size).to eq 1
      expect(object.workflow.version).to eq version
    end
  end

  context "with records", :records do
    before do
      table(:signups) { |t| t.string :email; t.string :code }.class_eval do
        include Workflow
        validates :email, presence: true
        workflow { await :activate; now :greet }
        workflow(:survey) { await :answer, fields: { email: String, age: Integer, friend: [ Signup, nil ] } }
        def answer(email:, age:, friend:) = update!(email: email)
        def activate(email: nil, code: nil, other: nil)
          reject "Not the code." if code == 2
          other && Account.create!(name: other)
          update!(email: email) unless code == 1
        end
        def greet; end
      end
      table(:accounts) { |t| t.string :name }.class_eval { validates :name, presence: true }
    end

    let(:record) { Signup.start(email: "a@b.c") }

    it "puts the message on the record's errors too, and the submission keeps its own" do
      submission = record.submit(:activate, code: 2)

      expect(record.errors[:base]).to eq [ "Not the code." ]
      record.valid?
      expect(submission.errors.full_messages).to eq [ "Not the code." ]
      expect(submission.errors).to be_a ActiveModel::Errors
      expect(record.submit(:activate, code: 1).errors).to be_empty
    end

    it "takes a validation error for a rejection" do
      submission = record.submit(:activate, email: "")

      expect(submission).not_to be_accepted
      expect(submission.errors.full_messages).to eq [ "Email can't be blank" ]
      expect(record.errors[:email]).to eq [ "can't be blank" ]
      expect(record.workflow.events.last).to have_attributes(kind: :input_rejected, reason: "Email can't be blank")
      expect { record.submit!(:activate, email: "") }.to raise_error(Workflow::Rejected, "Email can't be blank")
    end

    it "does not take an attribute or an association for the await's method" do
      order = table(:orders) { |t| t.boolean :paid; t.integer :parent_id }
      order.class_eval { include Workflow; workflow { await :paid, fields: { by: String }; await :parent }; belongs_to :parent, class_name: "Order", optional: true }
      record = order.start

      expect(record.submit!(:paid, by: "me").run.input(:paid)).to eq(by: "me")
      expect(record.submit!(:parent, by: 1).run).to be_done
    end

    it "has no errors when it is accepted, whatever a step after it has run into" do
      Signup.remove_method(:greet)
      Signup.define_method(:greet) { update!(email: "") }
      submission = record.submit(:activate, code: 1)

      expect(submission).to be_accepted
      expect(submission.errors).to be_empty
      expect(submission.errors).to be_a ActiveModel::Errors
      expect(submission.run).to be_failed
      expect { Signup.start(email: "a@b.c").submit!(:activate, code: 1) }.to raise_error(ActiveRecord::RecordInvalid)
    end

    it "takes another record's validation error for one" do
      submission = record.submit(:activate, other: "")

      expect(submission.errors.full_messages).to eq [ "Name can't be blank" ]
      expect(record.errors.full_messages).to eq [ "Name can't be blank" ]
    end

    it "puts what is wrong with fields on the record's errors, whether it has the attribute or not" do
      record.start(:survey)
      version = record.workflow(:survey).version
      submission = record.submit(:answer, age: "old", nmae: 1, base: 1, friend: "1", "no_symbol" => 1)

      expect(submission).not_to be_accepted
      expect(submission.errors).to be_a ActiveModel::Errors
      expect(record.errors.to_hash).to eq submission.errors.to_hash
      expect(submission.errors[:email]).to eq [ "is missing" ]
      expect(submission.errors.full_messages).to eq [ "Email is missing", "Age must be a whole number", "Friend must be a Signup",
        "Nmae is not a field of answer", "base is not a field of answer", "no_symbol is not a field of answer" ]
      expect(record.workflow(:survey).version).to eq version
      expect { record.submit!(:answer, email: "", age: "") }.to raise_error(Workflow::Rejected, "Age is missing") do |error|
        expect(error.errors[:age]).to eq [ "is missing" ]
      end
    end

    it "takes fields, and lets the record's own validations judge after that" do
      record.start(:survey)

      expect(record.submit(:answer, email: "", age: 3).errors.full_messages).to eq [ "Email can't be blank" ]
      submission = record.submit(:answer, email: "d@e.f", age: "44", friend: "")
      expect(submission).to be_accepted
      expect(submission.errors).to be_empty
      expect(record.reload.email).to eq "d@e.f"
      expect(submission.run.input(:answer)).to eq(email: "d@e.f", age: 44, friend: nil)
    end
  end
end
