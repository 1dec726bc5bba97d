# frozen_string_literal: true

require_relative "../support/receipts_table"

# Inputs that count if and only if a transaction of the application commits.
RSpec.describe "submit with the application's transaction" do
  # Stops the process, once, before the first statement of that name.
  stopping = Class.new do
    def initialize(name) = @name = name

    def start(_, _, payload)
      return unless payload[:name] == @name
      @name = nil
      Process.kill(:STOP, Process.pid)
    end

    def finish(*) = nil
  end

  ApplicationDatabase.each do |kind|
    context "on #{kind}", application_database: kind do
      before { ReceiptsTable.create }

      def orders(**options)
        table(:orders) { |t| t.string :name; t.integer :paid, default: 0, null: false }.class_eval do
          include Workflow
          workflow { await :confirm, expires_in: 3600, **options; now :thank }
          attr_reader :thanked
          def confirm(paid: 1)
            update!(paid: self.paid + paid)
            reject "too much" if paid > 9
            raise IOError, "broken" if paid < 0
          end
          def thank = @thanked = self.class.current_transaction.open?
        end
        Order.start(name: "x")
      end

      def paid = Order.last.paid
      def run = Order.last.workflow
      def rolled_back = raise(ActiveRecord::Rollback)
      def recovery = Workflow::Recovery.new(Workflow.configuration)
      def doubtful = Workflow.engine.doubts(10).map { |doubt| doubt[4] }

      # Another process, killed in the middle of a submission.
      def killed_at(moment)
        Workflow.runtime.stop
        child, = fork_child do |out|
          order = Order.last
          kill = -> { Process.kill(:KILL, Process.pid) && sleep }
          Order.before_update(&kill) if moment == :before
          Order.after_commit(&kill) if moment == :after
          order.submit(:confirm, paid: 2)
          out.puts "survived"
        end
        Process.wait(child)
        worker_sees_it
      end

      # The claim of the one that died is taken over.
      def worker_sees_it = eventually("the claim is in doubt") { doubtful == [ "confirm" ] }

      it "is not for another round than it is said to be for, and leaves that one free" do
        order = orders
        order.submit!(:confirm, paid: 1)
        order.workflow.retry(from: :confirm)
        submission = Workflow::Caller.new(order, run: order.workflow, round: 1).submit(:confirm, paid: 1)

        expect(submission.errors.full_messages).to eq [ "confirm was asked for again meanwhile, and this input was for the time before." ]
        expect(Workflow::Caller.new(order, run: order.workflow, round: 2).submit(:confirm, paid: 1)).to be_accepted
        expect(paid).to eq 2
      end

      it "runs the method and accepts as one" do
        order = orders
        expect(order.submit(:confirm, paid: 2)).to be_accepted

        expect(paid).to eq 2
        expect([ run.state, run.input(:confirm), order.thanked ]).to eq [ :done, { paid: 2 }, false ]
        expect(ReceiptsTable.tokens).to be_empty
      end

      it "changes nothing when it is rejected, and leaves the run waiting" do
        submission = orders.submit(:confirm, paid: 10)

        expect([ submission.accepted?, submission.errors.full_messages ]).to eq [ false, [ "too much" ] ]
        expect([ paid, run.state ]).to eq [ 0, :waiting ]
        expect(Order.last.submit(:confirm)).to be_accepted
        expect(ReceiptsTable.tokens).to be_empty
      end

      it "changes nothing when the method is broken, and leaves the run waiting" do
        expect { orders.submit(:confirm, paid: -1) }.to raise_error IOError, "broken"

        expect([ paid, run.state ]).to eq [ 0, :waiting ]
      end

      it "needs no method, and then no transaction" do
        orders
        Order.remove_method(:confirm)

        expect(Order.last.submit(:confirm)).to be_accepted
      end

      it "counts at commit in an open transaction, and what follows runs then" do
        order = orders
        Order.transaction do
          submission = order.submit(:confirm, paid: 2)
          expect(submission).to be_accepted
          expect([ submission.run.state, order.paid, order.thanked ]).to eq [ :waiting, 2, nil ]
        end

        expect([ paid, run.state, order.thanked ]).to eq [ 2, :done, false ]
        expect(ReceiptsTable.tokens).to be_empty
      end

      it "does not count when that is rolled back" do
        order = orders
        Order.transaction do
          order.submit(:confirm, paid: 2)
          rolled_back
        end
        expect([ paid, run.state, run.events.size ]).to eq [ 0, :waiting, 2 ]

        expect(Order.last.submit(:confirm)).to be_accepted
      end

      it "goes with the savepoint that it was made in" do
        order = orders
        Order.transaction do
          Order.transaction(requires_new: true) do
            order.submit(:confirm, paid: 2)
            rolled_back
          end
          expect(Order.last.submit(:confirm, paid: 3)).to be_accepted
        end

        expect([ paid, run.state, run.input(:confirm) ]).to eq [ 3, :done, { paid: 3 } ]
      end

      it "leaves the transaction as it was when it is rejected in one" do
        orders
        Order.transaction do
          Order.create!(name: "beside")
          expect(Order.first.submit(:confirm, paid: 10)).not_to be_accepted
        end

        expect(Order.order(:id).map { |order| [ order.name, order.paid ] }).to eq [ [ "x", 0 ], [ "beside", 0 ] ]
        expect(Order.first.workflow).to be_waiting
      end

      it "counts of a plain object too, if its application has a transaction open" do
        orders
        define("Call") { include Workflow; remembers :number; attr_reader :number; def initialize(number) = (@number = number); workflow { await :answer } }
        call = Call.start(1)
        Order.transaction { call.submit(:answer) && rolled_back }
        expect(call.workflow).to be_waiting
        Order.transaction { call.submit(:answer) }

        expect(call.workflow).to be_done
      end

      it "is claimed again by nobody while the transaction is open" do
        orders
        Order.transaction do
          Order.last.submit(:confirm, paid: 2)
          stub_const("Workflow::Caller::Submitting::TURN_MS", 50)
          other = Thread.new { Order.new { |order| order.id = 1 }.tap { |order| order.instance_variable_set(:@new_record, false) }.submit(:confirm) }.value
          expect(other.errors.full_messages).to eq [ "confirm is being submitted elsewhere. Try again." ]
        end

        expect([ paid, run.state ]).to eq [ 2, :done ]
      end

      it "does not run the method with transaction: false in a transaction" do
        orders(transaction: false)
        expect { Order.last.submit(:confirm, paid: -1) }.to raise_error IOError

        expect(paid).to eq(-1)
      end

      it "says what transaction: true needs" do
        orders(transaction: true)
        ActiveRecord::Base.connection.drop_table(:workflow_receipts)
        Workflow::Receipts.forget

        expect { Order.last.submit(:confirm) }.to raise_error Workflow::ReceiptsMissing, /transaction: true.*generate workflow:install/
        expect(run).to be_waiting
      end

      it "is found to be accepted when its process died after the commit" do
        orders
        killed_at(:after)
        expect(run.step(:confirm)).to be_doubtful
        expect(run.step(:confirm).reason).to match(/looked up/)
        expect(recovery.sweep).to eq 1
        work
        eventually("the run is done") { run.done? }

        expect([ paid, run.input(:confirm) ]).to eq [ 2, { paid: 2 } ]
      end

      it "is found not to be when its process died before" do
        orders
        killed_at(:before)
        expect(recovery.sweep).to eq 1

        expect([ paid, run.state ]).to eq [ 0, :waiting ]
        expect(Order.last.submit(:confirm, paid: 3)).to be_accepted
        expect(paid).to eq 3
      end

      it "is looked up by the next who submits" do
        orders
        killed_at(:after)
        expect(Order.last.submit(:confirm, paid: 3).errors.full_messages).to eq [ "confirm is already done." ]

        expect([ paid, run.input(:confirm) ]).to eq [ 2, { paid: 2 } ]
      end

      # Another process, which stands still for longer than its lease in the middle of a submission.
      # @return [Array(Integer, IO)]
      define_method(:stopped_before) do |statement|
        orders
        Workflow.runtime.stop
        Workflow.configure { |c| c.lease = 1 }
        child = fork_child do |out|
          ActiveSupport::Notifications.subscribe("sql.active_record", stopping.new(statement))
          order = Order.last
          out.puts begin
            order.submit(:confirm, paid: 2).accepted?
          rescue Workflow::Interrupted => error
            error.message
          end
        end
        Process.wait(child.first, Process::WUNTRACED)
        worker_sees_it
        child
      ensure
        Workflow.configure { |c| c.lease = 15 }
      end

      def goes_on(child, said)
        Process.kill(:CONT, child)
        read_line(said, "the child").tap { Process.wait(child) && children.delete(child) }
      end

      it "can not commit any more once somebody has looked for it in vain" do
        child, said = stopped_before("Workflow Receipt Insert")
        expect(recovery.sweep).to eq 1
        expect(Order.last.submit(:confirm, paid: 3)).to be_accepted

        expect(goes_on(child, said)).to match(/took too long: the await was given to others/)
        expect([ paid, run.input(:confirm) ]).to eq [ 3, { paid: 3 } ]
      end

      it "stays in doubt while its transaction is open, however long, and counts if that commits" do
        child, said = stopped_before("Order Update")
        expect(recovery.sweep).to eq 0
        expect(doubtful).to eq [ "confirm" ]
        expect(Order.last.submit(:confirm).errors.full_messages).to match [ /confirm is being submitted/ ]
        expect(doubtful).to eq [ "confirm" ]

        expect(goes_on(child, said)).to eq "true"
        recovery.sweep
        expect([ paid, run.input(:confirm), doubtful ]).to eq [ 2, { paid: 2 }, [] ]
      end

      it "does not expire while it is not known" do
        orders
        killed_at(:after)
        Workflow.engine.travel(7_200_000)
        work
        expect { eventually("it expires", within: 0.5) { run.expired? } }.to raise_error(StandardError, /it expires/)
        recovery.sweep
        eventually("the run is done") { run.done? }
      end

      describe "before its turn" do
        before do
          table(:orders) { |t| t.string :name; t.integer :paid, default: 0, null: false }.class_eval do
            include Workflow
            workflow { later :pack; await :confirm, early: true, fields: { paid: Integer } }
            def pack = nil
            def confirm(paid:) = update!(paid: self.paid + paid)
          end
          Order.start(name: "x")
        end

        def kinds = run.events.map(&:kind)

        it "is kept if and only if the transaction commits" do
          Order.transaction do
            expect(Order.last.submit(:confirm, paid: 2)).to be_kept
            rolled_back
          end
          expect([ kinds & [ :input_kept ], ReceiptsTable.tokens ]).to eq [ [], [] ]

          Order.transaction do
            Order.last.submit(:confirm, paid: 3)
            expect(kinds).not_to include(:input_kept)
          end
          expect(ReceiptsTable.tokens).to be_empty
          work
          eventually("it is done") { run.done? }
          expect(paid).to eq 3
        end

        it "is kept by any process when the one that committed died" do
          Workflow.runtime.stop
          child, = fork_child do
            Order.transaction do
              Order.current_transaction.after_commit { Process.kill(:KILL, Process.pid) }
              Order.last.submit(:confirm, paid: 4)
            end
          end
          Process.wait(child)
          expect(recovery.sweep(age_s: 0)).to eq 1
          expect([ run.step(:confirm).kept?, ReceiptsTable.tokens ]).to eq [ true, [] ]
        end

        it "is of the run that it was submitted to, and of no later one" do
          Order.transaction do
            Order.last.submit(:confirm, paid: 6)
            Workflow.engine.cancel(run.id, nil, nil, "spec")
            @first = run.id
            Workflow.engine.start(nil, Order.workflow.blueprint(Order), *Workflow::Subject.of(Order.last).then { |of| [ of.bytes, of.key(:workflow) ] }, nil, nil, "spec", [])
          end

          expect([ run.id == @first, run.step(:confirm).kept?, ReceiptsTable.tokens ]).to eq [ false, false, [] ]
        end

        it "is judged where its turn has come by then" do
          Order.transaction do
            Order.last.submit(:confirm, paid: 5)
            run.skip(:pack)
          end

          expect([ run.state, paid ]).to eq [ :done, 5 ]
        end
      end

      it "counts though the application was interrupted as it committed, and rolled back what was committed", if: kind == :postgresql do
        orders
        expect do
          Order.transaction do
            Order.last.submit(:confirm, paid: 2)
            ActiveRecord::Base.connection.raw_connection.exec("COMMIT; SET client_min_messages TO error")
            raise IOError, "interrupted"
          end
        end.to raise_error IOError

        expect([ paid, run.state, run.input(:confirm) ]).to eq [ 2, :done, { paid: 2 } ]
        expect(ReceiptsTable.tokens).to be_empty
      end

      it "judges an input that came early in a transaction, with a receipt" do
        table(:orders) { |t| t.string :name; t.integer :paid, default: 0, null: false }.class_eval do
          include Workflow
          workflow { later :pack; await :confirm, early: true }
          def pack = nil
          def confirm(paid:) = update!(paid: self.paid + paid) && self.class.current_transaction.open? || raise("no transaction")
        end
        order = Order.start(name: "x")
        order.submit(:confirm, paid: 2)
        work
        eventually("the run is done") { run.done? }

        expect(paid).to eq 2
        expect(ReceiptsTable.tokens).to match [ %r{\Ajudge/#{run.id}/confirm/1/} ]
      end
    end
  end
end
