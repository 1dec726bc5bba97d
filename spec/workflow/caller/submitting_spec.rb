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

  it "returns why it was rejected, and goes on waiting" do
    submission = object.submit(:activate, code: 2)

    expect(submission).not_to be_accepted
    expect(submission.errors.full_messages).to eq [ "Not the code." ]
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
  end

  it "writes nothing when the input cannot be written" do
    version = object.workflow.version

    expect { object.submit(:activate, code: Object.new) }.to raise_error(Workflow::NotSerializable, /the input of activate/)
    expect { object.submit(:activate, code: "x" * (1 << 20)) }.to raise_error(Workflow::PayloadTooLarge, /the input of activate/)
    expect(object.workflow.version).to eq version
  end

  it "accepts one of many at once" do
    object
    verdicts = Array.new(5) { Thread.new { signup.new("Ada").submit(:activate, code: 1) } }.map(&:value)

    expect(verdicts.count(&:accepted?)).to eq 1
    expect((verdicts.reject(&:accepted?)).flat_map { |verdict| verdict.errors.full_messages }.uniq).to eq [ "activate is already done." ]
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

  context "with records", :records do
    before do
      table(:signups) { |t| t.string :email; t.string :code }.class_eval do
        include Workflow
        validates :email, presence: true
        workflow { await :activate; now :greet }
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

    it "takes another record's validation error for one" do
      submission = record.submit(:activate, other: "")

      expect(submission.errors.full_messages).to eq [ "Name can't be blank" ]
      expect(record.errors.full_messages).to eq [ "Name can't be blank" ]
    end
  end
end
