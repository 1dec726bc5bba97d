# frozen_string_literal: true

require_relative "../support/receipts_table"

# What is started and cancelled in a transaction of the application, and records that are made together with their runs.
RSpec.describe "start and cancel with the application's transaction" do
  ApplicationDatabase.each do |kind|
    context "on #{kind}", application_database: kind do
      before { ReceiptsTable.create }

      def orders(**options, &block)
        table(:orders) { |t| t.string :name; t.integer :paid, default: 0, null: false }.class_eval do
          include Workflow
          validates :name, presence: true
          workflow(**options, &block)
          attr_reader :ran
          def a = @ran = [ *ran, self.class.current_transaction.open? ]
          def b = nil
          def broken = raise(IOError, "broken")
        end
        Order
      end

      def runs = Order.workflows.to_a
      # What is there in the place of the log is none.
      def without_log
        path = Workflow.configuration.store
        Workflow.configure { |c| c.store = "sqlite:#{@directory}" }
        yield
      ensure
        Workflow.configure { |c| c.store = path }
      end

      def rolled_back = raise(ActiveRecord::Rollback)

      describe "Klass.start" do
        before { orders { now :a; later :b } }

        it "makes record and run as one: its first steps run here once both are there" do
          order = Order.start(name: "x")

          expect(order).to be_persisted
          expect(order.ran).to eq [ false ]
          expect(order.workflow).to have_attributes(state: :running, existing?: false)
          expect(ReceiptsTable.tokens).to be_empty
        end

        it "makes neither when the record is invalid" do
          order = Order.start(name: "")

          expect(order).to have_attributes(persisted?: false, ran: nil)
          expect(order.workflow).to be_none
          expect([ runs, ReceiptsTable.tokens ]).to all(be_empty)
        end

        it "makes neither where the log has an open run of a record that had the id before, whatever the caller makes of that" do
          gone = Order.start(name: "before")
          Order.delete_all
          again = -> { Order.connection.execute(kind.to_s == "postgresql" ? "ALTER SEQUENCE orders_id_seq RESTART" : "DELETE FROM sqlite_sequence") }
          again.call
          expect { Order.start(name: "x") }.to raise_error(Workflow::StoreError, /\AOrder 1 has just been made, .* #{gone.workflow.id} since/)
          again.call
          Order.transaction do
            Order.start(name: "x")
          rescue Workflow::StoreError
            Order.create!(id: 7, name: "the caller's own")
          end

          expect([ runs.map(&:id), Order.pluck(:name), ReceiptsTable.tokens ]).to eq [ [ gone.workflow.id ], [ "the caller's own" ], [] ]
        end

        it "makes neither when a callback of the record raises" do
          Order.after_create { raise IOError, "no" }
          expect { Order.start(name: "x") }.to raise_error IOError

          expect([ runs, Order.all.to_a, ReceiptsTable.tokens ]).to all(be_empty)
        end

        it "makes neither when a callback of the record rolls back without a word" do
          Order.after_create { raise ActiveRecord::Rollback }
          expect(Order.start(name: "x").workflow).to be_none

          expect([ runs, Order.all.to_a, ReceiptsTable.tokens ]).to all(be_empty)
        end

        it "makes neither when the log cannot be opened" do
          without_log { expect { Order.start(name: "x") }.to raise_error Workflow::StoreError }

          expect([ Order.all.to_a, ReceiptsTable.tokens ]).to all(be_empty)
        end
      end

      it "raises a step's own error of start!, though record and run are there" do
        orders { now :broken }
        expect { Order.start!(name: "x") }.to raise_error IOError, "broken"

        expect(Order.last.workflow).to be_failed
      end

      it "is scheduled in an open transaction, and starts here once the outermost has committed" do
        orders { now :a; later :b }
        order = run = nil
        Order.transaction do
          Order.transaction { order = Order.start(name: "x") }
          run = order.workflow
          expect(run).to have_attributes(state: :scheduled, version: 0, reason: "starts when the transaction commits", id: be_a(String))
          expect(run.reload).to be_scheduled
          expect(run.steps.map(&:state)).to eq %i[pending pending]
          expect(order.ran).to be_nil
        end

        expect(order.ran).to eq [ false ]
        expect(run).to have_attributes(state: :running, id: order.workflow.id, reason: nil)
        expect(runs.map(&:id)).to eq [ run.id ]
      end

      it "does not start when the transaction is rolled back" do
        orders { now :a }
        order = run = nil
        Order.transaction do
          order = Order.start(name: "x")
          run = order.workflow
          rolled_back
        end

        expect(run).to have_attributes(state: :none, id: nil)
        expect(order.ran).to be_nil
        expect([ runs, Order.all.to_a, ReceiptsTable.tokens ]).to all(be_empty)
      end

      it "leaves the record with the run that it had when the transaction is rolled back" do
        orders { await :confirm }
        order = Order.start(name: "x")
        order.submit(:confirm)
        Order.transaction { order.start and expect(order.workflow).to(be_scheduled) and rolled_back }

        expect(order.workflow).to be_done
      end

      it "goes with the savepoint that it was started in" do
        orders { await :confirm }
        kept = gone = nil
        Order.transaction do
          kept = Order.start(name: "kept").workflow
          Order.transaction(requires_new: true) do
            gone = Order.start(name: "gone").workflow
            rolled_back
          end
          expect(gone).to be_none
          Order.transaction(requires_new: true) { Order.start(name: "kept too") }
        end

        expect(kept).to be_waiting
        expect(Order.order(:id).map { |order| [ order.name, order.workflow.state ] }).to eq [ [ "kept", :waiting ], [ "kept too", :waiting ] ]
      end

      it "starts a record that is there already, by a callback too" do
        orders { await :confirm }
        Order.after_create_commit { start }
        Order.transaction { Order.create!(name: "x") }
        Order.after_create { start }
        Order.transaction { Order.create!(name: "y") }
        order = Order.create!(name: "z")

        expect(Order.order(:id).map { |one| one.workflow.state }).to eq %i[waiting waiting waiting]
        expect(runs.size).to eq 3
        expect(order.start).to be_existing
      end

      it "finds the run that is open, within a transaction as outside" do
        orders { await :confirm }
        order = Order.start(name: "x")
        Order.transaction do
          expect(order.start).to have_attributes(existing?: true, id: order.workflow.id)
          rolled_back
        end
        expect(order.workflow).to be_waiting
      end

      it "starts one run though two are started in one transaction" do
        orders { await :confirm }
        order = Order.create!(name: "x")
        first = second = nil
        Order.transaction { first, second = order.start, order.start }

        expect(runs.size).to eq 1
        expect(first).to have_attributes(existing?: false, state: :waiting)
        expect(second).to have_attributes(existing?: true, id: first.id)
      end

      it "queues a method only if the transaction commits" do
        orders { await :confirm }
        order = Order.create!(name: "x")
        run = nil
        Order.transaction { order.later(:a) && rolled_back }
        Order.transaction { run = order.later(:a) }

        expect(run).to be_running
        expect(runs.map(&:id)).to eq [ run.id ]
      end

      it "refuses an object that the log would not take, before anything is written" do
        define("Letter") { include Workflow; remembers :text; attr_reader :text; workflow { later :post }; def initialize(text) = @text = text; def post; end }
        ActiveRecord::Base.transaction do
          letter = Letter.new("x" * 65_536)
          expect { letter.start }.to raise_error(Workflow::PayloadTooLarge, /What Letter remembers/)
          expect { letter.later(:text) }.to raise_error(Workflow::PayloadTooLarge, /What Letter remembers/)
        end

        expect(ReceiptsTable.tokens).to be_empty
        expect(Letter.workflows).to be_empty
      end

      it "hands a step to the workers at once, whatever becomes of the transaction" do
        orders { later :a, wait: 3600 }
        order = Order.start(name: "x")
        Order.transaction { order.later(:a) && rolled_back }

        expect(order.workflow.step(:a)).to be_ready
      end

      it "queues a method though a record among its arguments is gone when the transaction commits: the run fails, as it would outside of one" do
        orders { await :confirm }
        require "globalid"
        GlobalID.app = "specs"
        Order.include GlobalID::Identification
        Order.class_eval { def greet(other) = other }
        order, gone = %w[x y].map { |name| Order.create!(name: name) }
        run = nil
        Order.transaction do
          run = order.later(:greet, gone, retries: 1, backoff: 0.01)
          gone.delete
        end
        expect([ run.state, ReceiptsTable.tokens ]).to eq [ :running, [] ]
        outside = order.later(:greet, gone, retries: 1, backoff: 0.01)
        work
        eventually("both failed") { [ run, outside ].all? { |one| one.reload.failed? } }

        expect(run.error.message).to match(/Couldn't find Order/)
        expect([ run, outside ].map { |one| [ one.error.class_name, one.step(:greet).attempts ] }.uniq.size).to eq 1
      end

      it "cancels only if the transaction commits" do
        orders { await :confirm }
        run = Order.start(name: "x").workflow
        Order.transaction do
          run.cancel(reason: "no")
          rolled_back
        end
        expect(run.reload).to be_waiting
        Order.transaction { expect(run.cancel(reason: "no")).to be_waiting }

        expect(run).to have_attributes(state: :cancelled, reason: "no")
        Order.transaction { expect(run.cancel).to be_cancelled }
        expect(ReceiptsTable.tokens).to be_empty
      end

      it "starts a run in the place of one that the same transaction cancels" do
        orders { await :confirm }
        order = Order.start(name: "x")
        first = order.workflow
        Order.transaction do
          first.cancel
          order.start
          rolled_back
        end
        expect(order.start).to have_attributes(id: first.id, existing?: true)
        Order.transaction do
          first.cancel
          Order.transaction(requires_new: true) { Workflow::Run.new(Workflow.engine.find(first.id), subject: order).cancel && rolled_back }
          order.start
        end

        expect(runs.map(&:state)).to eq %i[waiting cancelled]
        expect(order.workflow).to be_waiting
        expect(ReceiptsTable.tokens).to be_empty
      end

      it "refuses a reason that the log would not take, before anything is written, and writes any other as text" do
        orders { await :confirm }
        run = Order.start(name: "x").workflow
        Order.transaction do
          expect { run.cancel(reason: "x" * 65_537) }.to raise_error Workflow::PayloadTooLarge, /at most 65536 are kept/
          expect(ReceiptsTable.tokens).to be_empty
        end
        expect(run.reload).to be_waiting
        Order.transaction { run.cancel(reason: "no \xFF more") }

        expect(run.reload).to have_attributes(state: :cancelled, reason: "no \uFFFD more")
        expect(ReceiptsTable.tokens).to be_empty
      end

      it "finds the run that is open after a cancel that could not be promised" do
        orders { await :confirm }
        order = Order.start(name: "x")
        Order.transaction do
          ActiveRecord::Base.while_preventing_writes { expect { order.workflow.cancel }.to raise_error ActiveRecord::ReadOnlyError }
        end

        expect(order.start).to be_existing
        Order.transaction { expect(order.start).to be_existing }
      end

      it "cancels what was started in the same transaction; other words say that it has not begun" do
        orders { await :confirm }
        run = nil
        Order.transaction do
          run = Order.start(name: "x").workflow
          expect { run.pause }.to raise_error Workflow::NotPending, /starts when its transaction commits/
          run.cancel
        end

        expect(run).to be_cancelled
      end

      it "does not disturb the transaction when the log cannot be written at commit: another process tells it" do
        orders { await :confirm }
        order = Order.create!(name: "x")
        run = nil
        Order.transaction do
          run = order.start
          @path = Workflow.configuration.store
          Workflow.configure { |c| c.store = "sqlite:#{@directory}" }
        end
        Workflow.configure { |c| c.store = @path }

        expect(run).to be_scheduled
        expect(ReceiptsTable.pending).to eq [ "start/#{run.id}" ]
        expect(Workflow::Recovery.new(Workflow.configuration).sweep(age_s: 0)).to eq 1
        expect(run.reload).to be_waiting
        expect(ReceiptsTable.tokens).to be_empty
      end

      it "is told by any process that starts later, when the one that committed died" do
        orders { now :a; await :confirm }
        Workflow.runtime.stop
        child, said = fork_child do |out|
          Order.transaction do
            Order.current_transaction.after_commit { Process.kill(:KILL, Process.pid) }
            out.puts Order.start(name: "x").workflow.id
          end
        end
        id = read_line(said, "the child")
        Process.wait(child)
        expect(ReceiptsTable.pending).to eq [ "start/#{id}" ]
        expect(Workflow::Recovery.new(Workflow.configuration).sweep(age_s: 0)).to eq 1
        expect(Workflow::Recovery.new(Workflow.configuration).sweep(age_s: 0)).to eq 0

        expect(Order.last.workflow).to have_attributes(id: id, state: :running)
      end

      it "is told by any process though its row cannot be deleted now, and so is what comes after" do
        orders { await :confirm }
        records = Array.new(2) { |number| Order.create!(name: number.to_s) }
        records.each { |record| ReceiptsTable.leave(record) }
        recovery = Workflow::Recovery.new(Workflow.configuration)
        ReceiptsTable.undeletable do
          expect(recovery.sweep(age_s: 0)).to eq 0
          expect(records.map { |record| record.workflow.state }).to eq %i[waiting waiting]
        end

        expect(recovery.sweep(age_s: 0)).to eq 2
        expect([ ReceiptsTable.tokens, runs.size ]).to eq [ [], 2 ]
      end

      it "is told by any process whatever else there is in the table, which stays, and is told of" do
        orders { await :confirm }
        order = Order.create!(name: "x")
        receipts = Workflow::Receipts.of(Order)
        { nonsense: "{", listed: "[]", later: "{}" }.each { |token, payload| receipts.intend(token.to_s, token == :later ? "later_kind" : "start", "1", payload) }
        ReceiptsTable.leave(order)
        stub_const("Workflow::Receipts::PAGE", 1)
        said = StringIO.new
        Workflow.configure { |c| c.logger = Logger.new(said) }
        2.times.map { Workflow::Recovery.new(Workflow.configuration).sweep(age_s: 0) }.then { |told| expect(told).to eq [ 1, 0 ] }

        expect(order.workflow).to be_waiting
        expect(ReceiptsTable.pending).to contain_exactly("nonsense", "listed", "later")
        expect(said.string).to match(/ReceiptsInvalid: The row later of workflow_receipts \(later_kind\) cannot be read by this version of the gem/)
      ensure
        Workflow.configure { |c| c.logger = nil }
      end

      describe "without the table" do
        before do
          ActiveRecord::Base.connection.drop_table(:workflow_receipts)
          Workflow::Receipts.forget
          orders { now :a; await :confirm }
        end

        it "does as it did before there was one: record and run are two commits" do
          order = Order.start(name: "x")
          expect(order.ran).to eq [ false ]
          expect(order.submit(:confirm)).to be_accepted
          Order.transaction { Order.start(name: "y") and rolled_back }

          expect([ Order.count, runs.size ]).to eq [ 1, 2 ]
          expect(runs.last).to be_done
        end

        # @return [Array<Integer>] the seconds at which the database is asked for the table, of those in which somebody wants to know
        def looks_in(environment, seconds)
          looks, second = [], 0
          allow(Process).to receive(:clock_gettime).and_wrap_original { |clock, *which| which == [ Process::CLOCK_MONOTONIC ] ? second : clock.call(*which) }
          asked = ->(*, payload) { looks << second if payload[:name] == "SCHEMA" && payload[:sql].include?("workflow_receipts") }
          said_in(environment) do
            ActiveSupport::Notifications.subscribed(asked, "sql.active_record") { seconds.times { |at| second = at and Workflow::Receipts.at(Order).there? } }
          end
          looks.uniq
        end

        it "looks for it the less often the longer there is none, but in development" do
          expect(looks_in("production", 500)).to eq [ 0, 10, 20, 40, 80, 160, 280, 400 ]
          expect(looks_in("development", 50)).to eq [ 0, 10, 20, 30, 40 ]
        end

        # @return [String] what the log has of it
        def said_in(environment)
          said, before = StringIO.new, Workflow.configuration.environment
          Workflow.configure { |c| c.logger = Logger.new(said) }
          Workflow.configuration.adopt(root: Dir.pwd, environment: environment, wrapper: Workflow.configuration.wrapper)
          Workflow::Receipts.forget
          yield
          said.string
        ensure
          Workflow.configure { |c| c.logger = nil }
          Workflow.configuration.adopt(root: Dir.pwd, environment: before, wrapper: Workflow.configuration.wrapper)
        end

        it "says so once, in development" do
          expect(said_in("production") { Order.start(name: "x") }).to eq ""
          said = said_in("development") { 2.times { |number| Order.start(name: number.to_s) } }

          expect(said.scan("two commits").size).to eq 1
          expect(said).to match(/no table workflow_receipts. Make it with: bin\/rails generate workflow:install/)
        end

        it "says so of whatever counts though its transaction may be rolled back, and of nothing outside of one" do
          words = [ ->(order) { order.later(:b) }, ->(order) { order.submit(:confirm) }, ->(order) { order.workflow.cancel }, :destroy!.to_proc ]
          words.each do |word|
            inside, outside = Order.start(name: "inside"), Order.start(name: "outside")
            said = said_in("development") { Order.transaction { word.call(inside) && rolled_back } }
            expect(said.scan("though that may be rolled back").size).to eq 1
            expect(said_in("development") { word.call(outside) unless word == words.last }).to eq ""
          end
        end
      end

      describe "with a key" do
        before { orders { now :a; await :confirm } }

        it "makes record and run once; who comes second leaves nothing behind" do
          first = Order.new(name: "x").start(key: "payment 1")
          second = (record = Order.new(name: "y")).start(key: "payment 1")

          expect(first).not_to be_existing
          expect(second).to have_attributes(existing?: true, id: first.id, subject: Order.last)
          expect(record).not_to be_persisted
          expect([ Order.count, runs.size ]).to eq [ 1, 1 ]
        end

        it "is free again when the transaction is rolled back" do
          Order.transaction do
            Order.new(name: "x").start(key: 1)
            rolled_back
          end
          expect(Order.new(name: "x").start(key: 1)).not_to be_existing
        end

        it "is taken within a transaction that goes on" do
          first = Order.new(name: "x").start(key: :k)
          Order.transaction do
            expect(Order.new(name: "y").start(key: :k)).to have_attributes(existing?: true, id: first.id)
            Order.create!(name: "z")
          end

          expect(Order.order(:id).pluck(:name)).to eq %w[x z]
        end

        it "is one, whether or not there is a transaction, and whether or not the record is new" do
          Workflow.runtime.stop
          child, said = fork_child do |out|
            Order.transaction { Order.create!(name: "a").start(key: "k") && out.puts("started") }
          end
          read_line(said, "the child")
          run = Order.create!(name: "b").start(key: "k")
          Process.wait(child)

          expect([ run.existing?, runs.size, run.reload.subject.name ]).to eq [ true, 1, "a" ]
        end

        it "is refused by a transaction that cannot see who has it", if: kind == :postgresql do
          receipts = Workflow::Receipts.of(Order)
          Order.transaction(isolation: :repeatable_read) do
            Order.count
            Thread.new { receipts.within { receipts.claim(Workflow::Intent.start("Order", token: "k").key_token, "1") } }.join
            expect { Order.new(name: "b").start(key: "k") }.to raise_error ActiveRecord::RecordNotUnique
            rolled_back
          end
        end

        it "is refused where it cannot be one" do
          [ "", "x" * 201, 1.5, Object ].each do |key|
            expect { Order.new(name: "x").start(key: key) }.to raise_error ArgumentError, /\Akey: is a string/
          end
          expect(Order.count).to eq 0
        end

        it "makes one of many that race" do
          Workflow.runtime.stop
          gate, opener = IO.pipe
          children = Array.new(4) do
            fork_child do |out|
              opener.close
              gate.read # until it is opened
              out.puts Order.new(name: "x").start(key: "race").then { |run| "#{run.id} #{run.existing?}" }
            end
          end
          opener.close
          said = children.map { |_, io| read_line(io, "a child") }

          expect(said.map { |line| line.split.first }.uniq.size).to eq(1), said.inspect
          expect(said.count { |line| line.end_with?("false") }).to eq 1
          expect([ Order.count, runs.size ]).to eq [ 1, 1 ]
        end
      end
    end
  end
end
