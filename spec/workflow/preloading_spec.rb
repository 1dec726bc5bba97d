# frozen_string_literal: true

RSpec.describe Workflow::Preloading, :records do
  before do
    table(:accounts) { |t| t.string :name }.class_eval { has_many :signups }
    table(:signups) { |t| t.string :email; t.string :type; t.belongs_to :account }.class_eval do
      include Workflow
      belongs_to :account, optional: true
      workflow { now :create; await :confirm }
      workflow(:survey) { later :ask }
      def create; end
      def confirm(**) = nil
      def ask; end
    end
    5.times { |number| Signup.create!(email: "#{number}@x").then { |signup| signup.start(:workflow) if number.odd? } }
  end

  # How often the log was read meanwhile, in calls of the core.
  def reads
    count = 0
    asked = %i[current currents find]
    TracePoint.new(:c_call) { |call| count += 1 if call.defined_class == Workflow::Native::Engine && asked.include?(call.method_id) }.enable { yield }
    count
  end

  def states(signups) = signups.map { |signup| signup.workflow(:workflow).state }

  it "reads the runs of all records at once, and no more" do
    signups = Signup.order(:id).preload_workflows

    expect(reads { expect(states(signups)).to eq %i[none waiting none waiting none] }).to eq 1
    expect(reads { states(signups); signups.each { |signup| signup.workflow(:survey).state } }).to eq 0
    expect(signups).to be_a ActiveRecord::Relation
    expect(signups.second.workflow(:workflow).subject).to equal signups.second
  end

  it "reads as the relation is loaded at last: further conditions, batches, one record" do
    expect(reads { states(Signup.preload_workflows.where(email: %w[1@x 2@x]).order(:id).to_a) }).to eq 1
    expect(reads { Signup.preload_workflows.find_each(batch_size: 2) { |signup| signup.workflow(:workflow).state } }).to eq 3
    expect(reads { Signup.preload_workflows.find_by(email: "1@x").workflow(:workflow).state }).to eq 1
    expect(reads { Signup.preload_workflows.count }).to eq 0
    expect(reads { Signup.none.preload_workflows.to_a }).to eq 0
  end

  it "works on an association" do
    account = Account.create!(name: "a")
    Signup.where(email: %w[1@x 2@x]).update_all(account_id: account.id)

    expect(reads { expect(states(account.signups.preload_workflows.order(:id))).to eq %i[waiting none] }).to eq 1
  end

  it "reads one workflow where one is named" do
    signup = Signup.preload_workflows(:survey).first

    expect(reads { signup.workflow(:survey).state }).to eq 0
    expect(reads { signup.workflow(:workflow).state }).to eq 1
    expect { Signup.preload_workflows(3) }.to raise_error(ArgumentError, /preload_workflows takes the name of a workflow, as a symbol, not 3/)
    expect { Signup.preload_workflows(:survay) }.to raise_error(Workflow::DefinitionError, /Did you mean survey/)
  end

  it "is stale until the run or the record is reloaded" do
    signup = Signup.preload_workflows.find_by(email: "1@x")
    Signup.find(signup.id).submit(:confirm)

    expect(signup.workflow(:workflow)).to be_waiting
    expect(signup.workflow(:workflow).reload).to be_done
    expect(signup.workflow(:workflow)).to be_done
    expect(reads { signup.reload.workflow(:workflow).state }).to eq 1
  end

  it "is dropped by whatever the record is told to do" do
    told = { start: [ :workflow ], submit: [ :confirm ], later: [ :create ], now: [ :confirm ] }
    told.each do |word, arguments|
      signup = Signup.preload_workflows.find_by(email: "3@x")
      signup.workflow(:workflow)
      begin
        signup.public_send(word, *arguments)
      rescue Workflow::NotPending
        nil
      end
      expect(reads { signup.workflow(:workflow).state }).to eq(1), "#{word} left it"
    end
    signup = Signup.preload_workflows.find_by(email: "4@x")
    expect(signup.workflow(:workflow)).to be_none
    signup.start(:workflow)
    expect(signup.workflow(:workflow)).to be_waiting
  end

  it "stays with its record: not in a copy, not in a cache" do
    signup = Signup.preload_workflows.find_by(email: "1@x")

    expect(signup.dup.workflow(:workflow)).to be_none
    expect(reads { Marshal.load(Marshal.dump(signup)).workflow(:workflow).state }).to eq 1
    expect(reads { signup.workflow(:workflow).state }).to eq 0
  end

  it "is not there for a class without workflows, and steps aside" do
    bare = table(:notes) { |t| t.string :text }.tap { |klass| klass.include(Workflow) }
    own = define("Own", ActiveRecord::Base) { self.table_name = "notes"; def self.preload_workflows = :own; include Workflow }

    expect { bare.preload_workflows }.to raise_error(Workflow::DefinitionError, /declares no workflow/)
    expect(own.preload_workflows).to eq :own
    expect(define("Plain") { include Workflow }).not_to respond_to(:preload_workflows)
  end

  describe "the runs of a scope" do
    it "are those of a relation's or an association's records" do
      account = Account.create!(name: "a")
      Signup.where(email: %w[1@x 2@x]).update_all(account_id: account.id)

      expect(account.signups.workflows.map { |run| run.subject.email }).to eq [ "1@x" ]
      expect(Signup.where("email > ?", "2").workflows.waiting.map { |run| run.subject.email }).to eq [ "3@x" ]
      expect(Signup.workflows.for(Signup.where(email: "3@x")).count).to eq 1
      expect(Signup.workflows.for(account.signups).count).to eq 1
      expect(Signup.workflows.for(Signup.none)).to be_empty
      expect(Signup.unscoped.workflows.count).to eq 2
      expect { Signup.workflows.for(Account.all) }.to raise_error(ArgumentError, /a relation of Account is no Signup/)
    end

    it "are asked of the application's database when they are read, in one query" do
      runs = Signup.where(email: "4@x").workflows
      Signup.find_by(email: "4@x").start(:workflow)
      queries = []
      subscriber = ActiveSupport::Notifications.subscribe("sql.active_record") { |*, payload| queries << payload[:sql] unless payload[:name] == "SCHEMA" }

      expect(runs.map(&:state)).to eq [ :waiting ]
      expect(queries.size).to eq 1
    ensure
      ActiveSupport::Notifications.unsubscribe(subscriber)
    end

    it "are all of the class where its default scope hides records, and within the steps of a run" do
      counts = []
      hiding = define("Signup", ActiveRecord::Base) do
        self.table_name = "signups"
        self.inheritance_column = nil
        include Workflow
        default_scope { where.not(email: nil) }
        workflow { now :look }
        define_method(:look) { counts << self.class.workflows.count }
      end
      hiding.start(email: "new@x")
      hiding.unscoped.find_by(email: "1@x").update_columns(email: nil)

      expect(counts).to eq [ 3 ]
      expect(hiding.workflows.count).to eq 3
    end

    it "are those of the type, of a subclass" do
      define("Trial", Signup)
      Trial.create!(email: "t@x").start(:workflow)

      expect(Trial.workflows.map { |run| run.subject.class }).to eq [ Trial ]
      expect(Trial.last.workflows.count).to eq 1
      expect(Signup.workflows.count).to eq 3
      expect(Signup.workflows.for(Trial.all).count).to eq 1
    end
  end
end
