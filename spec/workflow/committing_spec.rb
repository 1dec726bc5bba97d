# frozen_string_literal: true

require_relative "../support/receipts_table"

# transaction: true — what a step changes in the application's database and its receipt commit together.
RSpec.describe "a step with transaction: true" do
  ApplicationDatabase.each do |kind|
    context "on #{kind}", application_database: kind do
      before { ReceiptsTable.create }

      def orders(**options, &pay)
        table(:orders) { |t| t.string :name; t.integer :paid, default: 0, null: false }.class_eval do
          include Workflow
          workflow { now :pay, transaction: true, **options; later :thank }
          define_method(:pay, &pay)
          def thank = nil
          def pay_once = update!(paid: paid + 1)
        end
        Order
      end

      def token(run, round = 1) = "step/#{run.id}/pay/#{round}"
      def paid(order) = Order.find(order.id).paid

      # Another attempt's: it committed, and was not heard of again.
      def leave_receipt(run, round = 1, payload = nil)
        Workflow::Receipts.of(Order).once([ token(run, round) ], run.id) { payload }
      end

      it "runs in a transaction, and leaves a receipt with its result" do
        order = orders(result: true) { pay_once && self.class.current_transaction.open? }.start(name: "x")

        expect(paid(order)).to eq 1
        expect(order.workflow.result(:pay)).to be true
        expect(Workflow::Receipts.of(Order).find(token(order.workflow))).to have_attributes(kind: "done", payload: "[true]")
      end

      it "changes nothing when the method raises, or rejects" do
        orders { pay_once && (name == "raises" ? raise(IOError, "no") : reject("no")) }
        started = %w[raises rejects].map { |name| Order.start(name: name) }

        expect(started.map { |one| [ paid(one), one.workflow.step(:pay).reason, one.workflow.error.message ] }).to eq [ [ 0, nil, "no" ], [ 0, "rejected", "no" ] ]
        expect(ReceiptsTable.tokens).to be_empty
      end

      it "changes nothing when its result cannot be kept" do
        order = orders(result: true) { pay_once && Object.new }.start(name: "x")

        expect([ paid(order), order.workflow.step(:pay).reason ]).to eq [ 0, "result" ]
      end

      it "believes a receipt, and does not run again" do
        order = orders(result: true) { pay_once && raise(IOError, "unheard of") }.start(name: "x")
        run = order.workflow
        leave_receipt(run, 2, '["paid before"]')
        run.retry
        work
        eventually("the step is done") { run.reload.done? }

        expect(run.result(:pay)).to eq "paid before"
        expect(paid(order)).to eq 0
      end

      it "believes the receipt of a round that the log saw fail" do
        order = orders { pay_once && raise(IOError, "unheard of") }.start(name: "x")
        run = order.workflow
        leave_receipt(run, 1)
        run.retry
        work
        eventually("the step is done") { run.reload.done? }

        expect(paid(order)).to eq 0
      end

      it "runs once more when a person asks for a step that is completed" do
        order = orders { pay_once }.start(name: "x")
        run = order.workflow
        work
        eventually("the step is done") { run.reload.done? }
        run.retry(from: :pay)
        eventually("the step is done again") { run.reload.done? }

        expect(paid(order)).to eq 2
        expect(ReceiptsTable.tokens).to eq [ token(run), token(run, 2) ]
      end

      it "keeps a round that failed from being committed once the next has begun" do
        tries = 0
        orders { (tries += 1) == 1 ? raise(IOError, "no") : pay_once }
        run = (order = Order.start(name: "x")).workflow
        run.retry
        work
        eventually("the step is done") { run.reload.done? }

        expect(paid(order)).to eq 1
        expect(Workflow::Receipts.of(Order).once([ token(run) ], run.id) { raise "run" }).to have_attributes(kind: "void", done?: false)
      end

      it "is done again in each round that a person asks for, however the rounds before ended" do
        tries = 0
        orders { (tries += 1) == 1 ? raise(IOError, "no") : update!(paid: paid + 1) }
        order = Order.start(name: "x")
        run = order.workflow
        run.retry
        work
        eventually("the second round is done") { run.reload.done? }
        2.times do |number|
          run.retry(from: :pay)
          eventually("it is done again") { run.reload.done? && run.step(:pay).round == number + 3 }
        end

        expect([ paid(order), run.step(:pay).attempts ]).to eq [ 3, 1 ]
      end

      it "is left to workers where a transaction is open that it cannot be part of" do
        table(:orders) { |t| t.string :name; t.integer :paid, default: 0, null: false }.class_eval do
          include Workflow
          workflow { later :check; now :pay, transaction: true }
          def check = nil
          def pay = update!(paid: paid + 1)
          step :top_up, transaction: true
          def top_up = pay
        end
        order = Order.start(name: "x")
        Order.transaction do
          expect { order.now(:top_up) }.to raise_error Workflow::Error, /commits a transaction of its own/
          order.now(:check)
          raise ActiveRecord::Rollback
        end
        expect([ paid(order), order.workflow.step(:pay).state ]).to eq [ 0, :ready ]
        work
        eventually("a worker does it") { order.workflow.done? }

        expect([ paid(order), order.workflow.step(:pay).state ]).to eq [ 1, :completed ]
      end

      # The order of a process that died when it had paid, before the log heard of it.
      def killed_after_its_commit
        Workflow.runtime.stop
        child, said = fork_child do |out|
          order = Order.create!(name: "x")
          Order.after_commit { Process.kill(:KILL, Process.pid) if paid == 1 }
          out.puts order.id
          order.start
        end
        Order.find(read_line(said, "the child").to_i).tap { Process.wait(child) }
      end

      it "is done once though its process is killed after the commit, before the log heard of it" do
        orders { pay_once }
        order = killed_after_its_commit
        expect(paid(order)).to eq 1
        work
        eventually("the run is done") { order.workflow.done? }

        expect(paid(order)).to eq 1
        expect(order.workflow.step(:pay)).to have_attributes(state: :completed, attempts: 2)
      end

      it "is done twice without transaction: true, which is what it is for" do
        table(:orders) { |t| t.string :name; t.integer :paid, default: 0, null: false }.class_eval do
          include Workflow
          workflow { now :pay }
          def pay = update!(paid: paid + 1)
        end
        order = killed_after_its_commit
        work
        eventually("the run is done") { order.workflow.done? }

        expect(paid(order)).to eq 2
      end

      it "is done though it destroys its own record, and is not heard of again" do
        table(:orders) { |t| t.string :name; t.integer :paid, default: 0, null: false }.class_eval do
          include Workflow
          workflow(on_destroy: :keep) { now :leave, transaction: true }
          def leave = destroy!
        end
        Workflow.runtime.stop
        child, = fork_child do
          Order.after_commit(on: :destroy) { Process.kill(:KILL, Process.pid) }
          Order.start(name: "x")
        end
        Process.wait(child)
        expect(Order.count).to eq 0
        work

        eventually("the run is done") { Order.workflows.first.done? }
      end

      it "fails as by any error where it cannot be found out whether it destroyed its own record" do
        table(:orders) { |t| t.string :name }.class_eval do
          include Workflow
          workflow(on_destroy: :keep) { later :leave, transaction: true }
          def leave = destroy!
        end
        run = Order.start(name: "x").workflow
        Order.delete_all
        ActiveRecord::Base.connection.rename_column(:workflow_receipts, :payload, :other)
        Workflow::Receipts.forget
        work
        eventually("the step failed") { run.reload.failed? }

        expect(run.error.to_s).to match(/ReceiptsInvalid/)
      end

      it "starts other runs with what it changes" do
        orders { pay_once && self.class.create!(name: "gift").start(place: :later) && raise(IOError, "no") }.start(name: "x")

        expect([ Order.count, Order.workflows.count ]).to eq [ 1, 1 ]
      end

      it "cannot be part of a transaction that is open" do
        orders(wait: 60) { pay_once }
        order = Order.start(name: "x")
        Order.transaction do
          expect { order.now(:pay) }.to raise_error Workflow::Error, /commits a transaction of its own/
        end
        order.now(:pay)

        expect(paid(order)).to eq 1
      end

      it "says what to do without the table" do
        orders { pay_once }
        ActiveRecord::Base.connection.drop_table(:workflow_receipts)
        Workflow::Receipts.forget
        order = Order.start(name: "x")

        expect(order.workflow.error.message).to match(/transaction: true, and the database \w+ has no table workflow_receipts.*generate workflow:install/)
        expect(paid(order)).to eq 0
      end

      it "looks for the table on a connection that no other thread can have meanwhile" do
        orders { pay_once }
        Workflow::Receipts.forget
        owners = []
        seen = ->(*, payload) { owners << payload[:connection].owner }
        asking = Thread.new { ActiveSupport::Notifications.subscribed(seen, "sql.active_record") { Workflow::Receipts.of(Order) } }.tap(&:join)

        expect(owners).not_to be_empty
        expect(owners.uniq).to eq [ asking ]
      end

      it "says what to do with a table of another shape" do
        orders { pay_once }
        ActiveRecord::Base.connection.remove_index(:workflow_receipts, :token)
        Workflow::Receipts.forget

        expect { Order.start(name: "x") }.to raise_error Workflow::ReceiptsInvalid, /token has no unique index.*generate workflow:install/
        expect(Order.count).to eq 0
      end
    end
  end
end
