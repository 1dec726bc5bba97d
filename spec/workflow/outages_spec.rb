# frozen_string_literal: true

require_relative "../support/receipts_table"
require_relative "../support/lost_commit"

# What becomes of starts, inputs and steps when the application's database goes away as their transaction commits.
RSpec.describe "a COMMIT that nobody heard of", application_database: :postgresql do
  before do
    ReceiptsTable.create
    table(:orders) { |t| t.string :name; t.integer :paid, default: 0, null: false }.class_eval do
      include Workflow
      workflow { now :pay, transaction: true; await :confirm; later :thank }
      def pay = lose { update!(paid: paid + 1) }
      def confirm(paid: 1) = lose { update!(paid: self.paid + paid) }
      def thank = nil
      attr_accessor :lost
      def lose
        yield
        lost&.call
      end
    end
    @proxy = LostCommit.new(File.join(database.configuration[:host], ".s.PGSQL.#{database.configuration[:port]}"))
    ActiveRecord::Base.establish_connection(database.configuration.merge(host: "127.0.0.1", port: @proxy.port, sslmode: "disable", gssencmode: "disable"))
  end

  after { @proxy.close }

  def recovery = Workflow::Recovery.new(Workflow.configuration)
  def order = Order.last
  def run = order.workflow

  describe "of Klass.start" do
    it "is looked for: record and run are there" do
      proxy = @proxy
      Order.after_create { proxy.lose(:after) }
      expect(Order.start(name: "x").workflow).to be_waiting

      expect([ order.paid, run.state, Order.count ]).to eq [ 1, :waiting, 1 ]
      expect(ReceiptsTable.pending).to be_empty
    end

    it "is looked for: neither is there" do
      proxy = @proxy
      Order.after_create { proxy.lose(:before) }
      expect { Order.start(name: "x") }.to raise_error ActiveRecord::ConnectionFailed

      expect([ Order.count, Order.workflows.count, ReceiptsTable.tokens ]).to eq [ 0, 0, [] ]
    end

    it "is told by Recovery where nobody can look: a named error says so" do
      proxy = @proxy
      Order.after_create { proxy.lose(:after, unreachable: true) }
      expect { Order.start(name: "x") }.to raise_error Workflow::OutcomeUnknown, /not known.*the run starts by itself/
      @proxy.reachable
      expect(Order.workflows.count).to eq 0
      expect(recovery.sweep(age_s: 0)).to eq 1

      work
      eventually("it waits") { run.waiting? }
      expect(order.paid).to eq 1
    end
  end

  describe "of a step with transaction: true" do
    def started(moment, **options)
      order = Order.create!(name: "x")
      order.lost = -> { @proxy.lose(moment, **options) }
      order.start
      order
    end

    it "is looked for: the step is completed" do
      started(:after)

      expect([ order.paid, run.state, run.step(:pay).attempts ]).to eq [ 1, :waiting, 1 ]
    end

    it "is looked for: the step has failed" do
      started(:before)

      expect([ order.paid, run.state, run.error.class_name ]).to eq [ 0, :failed, "ActiveRecord::ConnectionFailed" ]
    end

    it "is found out by the next attempt where nobody can look" do
      started(:after, unreachable: true)
      @proxy.reachable
      expect([ order.paid, run.state, run.step(:pay).state ]).to eq [ 1, :running, :ready ]
      work
      eventually("it waits") { run.waiting? }

      expect(order.paid).to eq 1
    end
  end

  describe "of a submit" do
    def submitted(moment, **options)
      Order.start(name: "x")
      order = Order.last
      order.lost = -> { @proxy.lose(moment, **options) }
      order.submit(:confirm, paid: 5)
    end

    it "is looked for: the input is accepted" do
      expect(submitted(:after)).to be_accepted

      expect([ order.paid, run.input(:confirm) ]).to eq [ 6, { paid: 5 } ]
    end

    it "is looked for: the await waits" do
      expect { submitted(:before) }.to raise_error ActiveRecord::ConnectionFailed

      expect([ order.paid, run.state ]).to eq [ 1, :waiting ]
      expect(order.submit(:confirm)).to be_accepted
    end

    it "is in doubt where nobody can look, until somebody can" do
      expect { submitted(:after, unreachable: true) }.to raise_error Workflow::OutcomeUnknown, /looked up before anybody else can submit.*workflow settle/
      @proxy.reachable
      expect(run.step(:confirm)).to be_doubtful
      expect(order.submit(:confirm).errors.full_messages).to eq [ "confirm is already done." ]

      expect([ order.paid, run.input(:confirm) ]).to eq [ 6, { paid: 5 } ]
    end

    it "is in doubt in a transaction that was open, until somebody has looked" do
      Order.start(name: "x")
      expect do
        Order.transaction do
          expect(Order.last.submit(:confirm, paid: 5)).to be_accepted
          @proxy.lose(:after)
        end
      end.to raise_error ActiveRecord::ConnectionFailed
      expect(run).to be_waiting
      recovery.sweep

      expect([ order.paid, run.input(:confirm) ]).to eq [ 6, { paid: 5 } ]
    end
  end
end

# As it does when its disk is full; Active Record then calls nobody back.
RSpec.describe "a transaction that the database ends by itself", application_database: :sqlite do
  before do
    ReceiptsTable.create
    table(:orders) { |t| t.string :name; t.integer :paid, default: 0, null: false }.class_eval do
      include Workflow
      workflow { await :confirm; later :thank }
      def confirm(paid: 1) = update!(paid: self.paid + paid)
      def thank = nil
    end
    Order.start(name: "x")
  end

  def order = Order.last

  def ended_by_the_database
    Order.transaction do
      yield
      Order.connection.execute("INSERT OR ROLLBACK INTO orders (id) VALUES (#{Order.maximum(:id)})")
    end
  rescue ActiveRecord::StatementInvalid
    nil
  end

  it "leaves no await claimed" do
    ended_by_the_database { order.submit(:confirm, paid: 2) }
    expect(order.paid).to eq 0
    expect(Workflow::Recovery.new(Workflow.configuration).sweep).to eq 1

    expect(order.submit(:confirm, paid: 3)).to be_accepted
    expect(order.paid).to eq 3
  end

  it "cancels nothing, then and later" do
    ended_by_the_database { order.workflow.cancel }
    expect(order.workflow).to be_waiting

    Order.transaction { expect(order.start).to be_existing }
    expect(order.workflow).to be_waiting
  end

  it "starts nothing" do
    ended_by_the_database { Order.start(name: "y") }

    expect([ Order.count, Order.workflows.count, ReceiptsTable.tokens ]).to eq [ 1, 1, [] ]
  end
end
