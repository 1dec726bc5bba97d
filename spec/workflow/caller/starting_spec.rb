# frozen_string_literal: true

RSpec.describe Workflow::Caller::Starting do
  let(:greeting) do
    define("Greeting") do
      include Workflow
      remembers :name
      attr_reader :name, :said
      workflow { now :hello; now :goodbye; later :forget }
      def initialize(name) = (@name, @said = name, [])
      def hello = said << "hello #{name}"
      def goodbye = said << "goodbye #{name}"
      def forget; end
    end
  end

  it "runs the leading now steps here, on the caller's own object" do
    object = greeting.new("Ada")
    run = object.start

    expect(object.said).to eq [ "hello Ada", "goodbye Ada" ]
    expect(run).to have_attributes(state: :running, name: :workflow, existing?: false, subject: object)
    expect(run.steps.map(&:state)).to eq %i[completed completed ready]
    expect(run.step(:hello).by).to match(/\A(rspec|ruby):#{Process.pid}@./)
  end

  it "returns the open run instead of starting another" do
    run = greeting.new("Ada").start
    object = greeting.new("Ada")

    expect(object.start).to have_attributes(id: run.id, existing?: true)
    expect(object.said).to eq []
    expect(greeting.new("Grace").start.id).not_to eq run.id
  end

  it "starts another when the last one has ended, or workflows are not unique" do
    brief = define("Brief") { include Workflow; workflow { now :go }; def go; end }
    many = define("Many") { include Workflow; workflow(unique: false) { later :go }; def go; end }

    expect(brief.new.start).to be_done
    expect(brief.new.start).not_to be_existing
    expect(Array.new(2) { many.new.start.id }.uniq.size).to eq 2
  end

  it "makes and starts a plain object in one go" do
    expect(greeting.start("Ada").said.size).to eq 2
    expect(greeting.start!("Grace").workflow).to be_running
  end

  it "hands all steps to workers with place: :later, or runs all here with :now" do
    object = greeting.new("Ada")

    expect(object.start(place: :later).step(:hello)).to be_ready
    expect(object.said).to eq []
    expect(greeting.new("Grace").start(place: :now)).to be_done
  end

  it "refuses options that it does not know, or that are not built yet" do
    object = greeting.new("Ada")

    expect { object.start(plaec: :later) }.to raise_error(ArgumentError, /no option plaec:. Did you mean place\?/)
    expect { object.start(priority: 1) }.to raise_error(ArgumentError, /priority: is not built yet/)
    expect { object.start(place: :here) }.to raise_error(ArgumentError, /:now or :later, not :here/)
    expect { object.start(:other) }.to raise_error(Workflow::DefinitionError, /no workflow :other/)
    expect { define("None") { include Workflow }.new.start }.to raise_error(Workflow::DefinitionError, /declares no workflow/)
  end

  it "says at first use which method is missing, and starts nothing" do
    wrong = define("Wrong") { include Workflow; workflow { now :here; later :there }; def here = raise("ran") }

    expect { wrong.new.start }.to raise_error(Workflow::DefinitionError, /#{__FILE__}:\d+: later :there needs a method there/)
    expect(Workflow.events).to eq []
  end

  context "when a step fails" do
    let(:failing) do
      define("Failing") do
        include Workflow
        workflow { now :go, retries: 1, give_up_on: KeyError; now :on }
        workflow(:rejecting) { now :refuse }
        workflow(:final) { now :give_up }
        attr_accessor :error
        def go = raise(error || IOError, "no")
        def on = raise("ran")
        def refuse = reject("not today")
        def give_up = raise(IOError, "no")
      end
    end

    it "returns the run, which is being retried by the workers" do
      began = Time.now
      run = failing.new.start

      expect(run).to be_retrying
      expect(run.step(:go)).to have_attributes(attempts: 1, state: :retrying, error: have_attributes(class_name: "IOError", message: "no"))
      expect(run.step(:go).due_at).to be_between(began + 2, Time.now + 5)
      expect(run.error.to_s).to eq "IOError: no"
      expect(run.step(:on)).to be_pending
    end

    it "returns the failed run when no attempt is left" do
      expect(failing.new.tap { |object| object.error = KeyError }.start).to be_failed
      expect(failing.new.start(:final)).to be_failed
    end

    it "raises the step's own error with a bang" do
      expect { failing.new.start! }.to raise_error(IOError, "no")
      expect { failing.new.start!(:final) }.to raise_error(IOError, "no")
      expect { failing.new.start!(:rejecting) }.to raise_error(Workflow::Rejected, "not today")
    end

    it "fails at once on reject" do
      run = failing.new.start(:rejecting)

      expect(run).to be_failed
      expect(run.step(:refuse)).to have_attributes(state: :failed, reason: "rejected")
    end
  end

  context "with records", :records do
    before do
      table(:accounts) { |t| t.string :name }
      signups = table(:signups) { |t| t.string :email; t.integer :account_id }
      Account.has_many :signups, class_name: "Signup", foreign_key: :account_id
      signups.class_eval do
        include Workflow
        belongs_to :account, class_name: "Account", optional: true
        validates :email, presence: true
        workflow { now :count; later :send_link }
        attr_reader :counted
        def count = (@counted = self.class.count)
        def send_link; end
      end
    end

    it "saves a new record first" do
      signup = Signup.new(email: "a@b.c")

      expect(signup.start).to be_running
      expect(signup).to be_persisted
      expect(signup.workflow.id).to eq Signup.find(signup.id).workflow.id
    end

    it "returns false and starts nothing when the record is invalid" do
      signup = Signup.new

      expect(signup.start).to be false
      expect(signup.errors[:email]).to be_present
      expect(Workflow.events).to eq []
      expect { signup.start! }.to raise_error(ActiveRecord::RecordInvalid)
    end

    it "makes a record from a hash, permitted params or keywords" do
      require "action_controller"
      params = ActionController::Parameters.new(email: "p@b.c", other: 1)

      expect(Signup.start({ email: "h@b.c" }).workflow).to be_running
      expect(Signup.start(email: "k@b.c")).to have_attributes(email: "k@b.c", persisted?: true)
      expect(Signup.start(params.permit(:email)).email).to eq "p@b.c"
      expect { Signup.start(params) }.to raise_error(ActiveModel::ForbiddenAttributesError)
      expect { Signup.start({ email: "h@b.c" }, account: nil) }.to raise_error(ArgumentError, /one hash or as keywords/)
    end

    it "takes attributes for attributes, never for options" do
      Signup.attribute :place, :string

      expect(Signup.start(email: "a@b.c", place: "here")).to have_attributes(place: "here", persisted?: true)
    end

    it "returns the unsaved record with its errors" do
      signup = Signup.start(email: "")

      expect(signup).to be_new_record
      expect(signup.errors[:email]).to be_present
      expect(signup.workflow).to be_none
      expect { Signup.start!(email: "") }.to raise_error(ActiveRecord::RecordInvalid)
    end

    it "keeps the scope of an association for the record, and keeps it out of the steps" do
      Signup.create!(email: "other@b.c")
      account = Account.create!(name: "Acme")
      signup = account.signups.start(email: "a@b.c")

      expect(signup.account).to eq account
      expect(signup.counted).to eq 2
      expect(Signup.where(email: "w@b.c").start.email).to eq "w@b.c"
    end

    it "refuses a destroyed record" do
      signup = Signup.create!(email: "a@b.c").tap(&:destroy!)

      expect { signup.start }.to raise_error(Workflow::NotSerializable, /destroyed/)
    end
  end
end
