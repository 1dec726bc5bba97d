# frozen_string_literal: true

require_relative "../support/receipts_table"

# What applications do with their databases: several of them, replicas, tests that never commit.
RSpec.describe "the application's databases" do
  ApplicationDatabase.each do |kind|
    context "on #{kind}", application_database: kind do
      before { ReceiptsTable.create }

      def orders(&block)
        table(:orders) { |t| t.string :name; t.integer :paid, default: 0, null: false }.class_eval do
          include Workflow
          workflow(&block || proc { now :pay, transaction: true; await :confirm })
          def pay = update!(paid: paid + 1)
          def confirm = update!(paid: paid + 10)
        end
        Order
      end

      # What a test is wrapped in, as Rails' own transactional tests do it: one connection for all threads.
      def in_a_fixture
        pool = ActiveRecord::Base.connection_pool
        pool.pin_connection!(true)
        pool.lease_connection
        yield
      ensure
        expect(pool.unpin_connection!).to be true # nothing has ended the transaction
      end

      def rolled_back = raise(ActiveRecord::Rollback)

      it "takes the transaction of a test for none: what is started in one starts, and counts" do
        orders
        in_a_fixture do
          order = Order.start(name: "x")
          expect([ order.workflow.state, order.paid ]).to eq [ :waiting, 1 ]
          expect(order.submit(:confirm)).to be_accepted
          expect([ order.workflow.state, order.reload.paid ]).to eq [ :done, 11 ]
        end
        expect(Order.count).to eq 0
      end

      it "waits in the transaction of a test for the transactions within it" do
        orders
        in_a_fixture do
          run = nil
          Order.transaction { run = Order.start(name: "x").workflow.tap { |started| expect(started).to be_scheduled } }
          expect(run).to be_waiting
          Order.transaction { run = Order.start(name: "y").workflow and rolled_back }
          expect(Order.pluck(:name)).to eq [ "x" ]
          expect(Order.workflows.count).to eq 1
        end
      end

      it "shares the transaction of a test with workers and recovery" do
        orders { later :pay, transaction: true; await :confirm }
        in_a_fixture do
          order = Order.start(name: "x")
          ReceiptsTable.leave(left = Order.create!(name: "left"))
          work
          eventually("it waits") { order.workflow.waiting? }
          expect(Workflow::Recovery.new(Workflow.configuration).sweep(age_s: 0)).to eq 1
          eventually("it waits too") { left.workflow.waiting? }
          ActiveRecord::Base.connection_handler.clear_active_connections!
          Order.transaction { left.reload.submit(:confirm) && rolled_back }
          expect(left.workflow).to be_waiting
          Order.transaction { left.reload.submit(:confirm) && order.destroy! }

          expect([ left.reload.paid, left.workflow.state, order.workflow.state ]).to eq [ 11, :done, :cancelled ]
        end
        expect(ReceiptsTable.tokens + Order.all).to be_empty
      end

      it "starts after the commit of all, with after_all_transactions_commit" do
        orders
        order = Order.create!(name: "x")
        run = nil
        Order.transaction do
          Order.transaction(requires_new: true) { ActiveRecord.after_all_transactions_commit { run = order.start } }
          expect(run).to be_nil
        end

        expect(run).to be_waiting
      end

      it "starts what a callback starts, with the record: after_create, and after_create_commit" do
        orders { await :confirm }
        Order.after_create(if: -> { name == "in" }) { start }
        Order.after_create_commit(if: -> { name == "after" }) { start }
        Order.create!(name: "in")
        Order.create!(name: "after")
        Order.transaction { Order.create!(name: "in") && rolled_back }
        Order.transaction { Order.create!(name: "after") && rolled_back }

        expect(Order.order(:id).map { |order| order.workflow.state }).to eq %i[waiting waiting]
        expect(Order.workflows.count).to eq 2
      end

      it "cancels with a record that is destroyed, if its transaction commits" do
        orders { await :confirm }
        run = (order = Order.start(name: "x")).workflow
        Order.transaction { order.destroy! && rolled_back }
        expect(run.reload).to be_waiting
        Order.transaction { Order.last.destroy! }

        expect(run.reload).to have_attributes(state: :cancelled, reason: "destroyed")
      end

      it "tells the log what is left soon after a process has opened it, and from time to time", :recovery do
        stub_const("Workflow::Recovery::FIRST_S", 0.01)
        stub_const("Workflow::Recovery::EVERY_S", 0.01)
        stub_const("Workflow::Recovery::AGE_S", 0)
        orders { await :confirm }
        2.times do |number|
          order = Order.create!(name: number.to_s)
          ReceiptsTable.leave(order)
          eventually("the log was told") { order.workflow.waiting? }
        end
      end

      it "looks for what is left without a line in the log, and has one of each row that it takes away" do
        orders { await :confirm }
        ReceiptsTable.leave(Order.create!(name: "left"))
        Workflow::Receipts.of(Order)
        logger, ActiveRecord::Base.logger = ActiveRecord::Base.logger, Logger.new(said = StringIO.new)
        2.times { Workflow::Recovery.new(Workflow.configuration).sweep(age_s: 0) }

        expect(said.string.lines.grep(/workflow_receipts/)).to contain_exactly(/Workflow Receipt Delete/)
      ensure
        ActiveRecord::Base.logger = logger
      end

      it "tells the log what is left when a person says so, and what is in doubt still" do
        orders { await :confirm }
        order = Order.create!(name: "left")
        ReceiptsTable.leave(order)
        expect(settle).to eq [ 0, "workflow: the log was told of 1." ]
        hand = Workflow.engine.hand
        hand.submit(order.workflow.id, "confirm", "spec", 0, true)
        hand.doubt
        ActiveRecord::Base.connection.rename_table(:workflow_receipts, :hidden)
        Workflow::Receipts.forget

        expect(settle).to match [ 1, "workflow: the log was told of 0.",
          /\Ain doubt: whether the input of confirm was accepted \(Order, run #{order.workflow.id}\): Workflow::ReceiptsMissing: .* has no table/ ]
      end

      it "says what is left when a person asks, and why: rows that cannot be read, told or deleted" do
        orders { await :confirm }
        record = Order.create!(name: "left")
        ReceiptsTable.leave(record)
        receipts = Workflow::Receipts.of(Order)
        receipts.intend("nonsense", "start", "1", "{")
        receipts.intend("start/2", "start", "2", JSON.generate(class: "Gone", name: "workflow"))

        status, *said = ReceiptsTable.undeletable { settle }
        expect([ status, said.shift ]).to eq [ 1, "workflow: the log was told of 0." ]
        expect(said).to contain_exactly(/\Aleft: the row nonsense: Workflow::ReceiptsInvalid: The row nonsense of workflow_receipts/,
          /\Aleft: the start of run 2: Workflow::DefinitionError: .* of the class Gone, which this process does not know/,
          /\Aleft: the row start\/#{record.workflow.id}, of which the log was told: ActiveRecord::/)
        expect(settle.first(2)).to eq [ 1, "workflow: the log was told of 1." ]
      end

      # What `bin/workflow settle` exits with, and its lines.
      def settle
        File.write(file = File.join(@directory, "application.rb"), "")
        out = StringIO.new
        status = Workflow::Command.new([ "settle", "-r", file ], out: out).run
        [ status, *out.string.lines(chomp: true) ]
      end

      it "does not wait for a transaction for ever, by an adapter made of PostgreSQL's neither", if: kind == :postgresql do
        stub_const("LikePostGIS", Class.new(ActiveRecord::ConnectionAdapters::PostgreSQLAdapter).tap { |adapter| adapter.const_set(:ADAPTER_NAME, "PostGIS") })
        ActiveRecord::ConnectionAdapters.register("like_postgis", "LikePostGIS", "pg")
        ActiveRecord::Base.establish_connection(**database.configuration, adapter: "like_postgis", variables: { statement_timeout: 3_000 })
        stub_const("Workflow::Receipts::WAIT_MS", 50)
        receipts, written, asked = Workflow::Receipts.at(ActiveRecord::Base), Queue.new, Queue.new
        holder = Thread.new { receipts.within { receipts.intend("x", "start", "1", "") && written.push(true) && asked.pop } }
        written.pop

        expect { receipts.find_or_void("x", "1") }.to raise_error ActiveRecord::LockWaitTimeout
      ensure
        asked&.push(true)
        holder&.join
      end

      it "deletes what nobody needs any more without waiting for the disk, and commits what the application commits as it says", if: kind == :postgresql do
        connection, said = ActiveRecord::Base.connection, []
        connection.execute("SET synchronous_commit TO on")
        connection.raw_connection.set_notice_processor { |notice| said << notice }
        receipts = Workflow::Receipts.at(ActiveRecord::Base)
        receipts.once([ "x" ], "1") { nil }

        sql = []
        ActiveSupport::Notifications.subscribed(->(*, payload) { sql << payload[:sql] }, "sql.active_record") { receipts.done("x") }
        expect(sql).to contain_exactly(/\ASET LOCAL synchronous_commit TO off; DELETE FROM "workflow_receipts" WHERE/)
        expect([ receipts.find("x"), connection.select_value("SHOW synchronous_commit"), said ]).to eq [ nil, "on", [] ]

        within = ActiveRecord::Base.transaction { receipts.done("y") && connection.select_value("SHOW synchronous_commit") }
        expect(within).to eq "on"
      end

      # What `config.active_record` sets.
      def with_names(prefix, suffix)
        base = ActiveRecord::Base
        base.table_name_prefix, base.table_name_suffix = prefix, suffix
        Workflow::Receipts.forget
        yield
      ensure
        base.table_name_prefix = base.table_name_suffix = ""
        Workflow::Receipts.forget
      end

      it "finds the table that is called as the migration calls it, with the application's prefix and suffix" do
        orders
        ActiveRecord::Base.connection.drop_table(:workflow_receipts)
        with_names("app_", "_v1") do
          expect(Order.start(name: "none").workflow.error.message).to match(/has no table app_workflow_receipts_v1. Make it with/)
          ReceiptsTable.create
          Order.transaction { Order.start(name: "gone") && rolled_back }
          order = Order.start(name: "x")

          expect(Order.workflows.count).to eq 2
          expect(ActiveRecord::Base.connection.select_values("SELECT token FROM app_workflow_receipts_v1")).to eq [ "step/#{order.workflow.id}/pay/1" ]
          ActiveRecord::Base.connection.remove_index(:app_workflow_receipts_v1, :token)
          Workflow::Receipts.forget
          expect { Order.start(name: "y") }.to raise_error Workflow::ReceiptsInvalid, /The table app_workflow_receipts_v1 of/
        end
      end

      it "looks once whether the table is there" do
        orders { now :pay }
        Order.start(name: "x")
        GC.start
        asked = []
        told = ->(*, payload) { asked << payload[:sql] if payload[:sql].match?(/workflow_receipts/) && payload[:name] == "SCHEMA" }
        ActiveSupport::Notifications.subscribed(told, "sql.active_record") { 3.times { Order.start(name: "y") } }

        expect(asked).to be_empty
      end

      it "does not cut off a step that destroys its own record" do
        [ false, true ].each do |transaction|
          orders { now :leave, transaction: transaction }
          Order.class_eval { def leave = destroy! }
          run = Order.start(name: "x").workflow

          expect([ Order.count, run.state, run.step(:leave).state ]).to eq [ 0, :done, :completed ]
          expect(Workflow::Recovery.new(Workflow.configuration).sweep(age_s: 0)).to eq 1 # it stays, since the step may die
          expect([ run.reload.state, ReceiptsTable.pending ]).to eq [ :done, [] ]
        end
      end

      it "leaves to a step at work what becomes of the run of a record that it destroyed" do
        orders { later :leave; later :stay }
        begun, go_on = Queue.new, Queue.new
        Order.class_eval { def stay = nil }
        Order.define_method(:leave) { destroy! && (begun << true) && go_on.pop }
        run = Order.start(name: "x").workflow
        work
        begun.pop
        recovery = Workflow::Recovery.new(Workflow.configuration)
        expect(recovery.sweep(age_s: 0)).to eq 0
        expect(recovery.left).to contain_exactly(/the destroy of .*the step that destroyed the record is at work yet/)
        go_on << true

        eventually("it is cancelled") { run.reload.cancelled? }
        expect(run.step(:leave)).to be_completed
        expect(recovery.sweep(age_s: 0)).to eq 1
      end

      it "leaves alone what is started for a record of the same id after a step has destroyed the first" do
        orders { now :leave; await :confirm }
        Order.class_eval { def leave = (destroy! if name == "x") }
        run = Order.start(name: "x").workflow
        second = Order.new(id: run.subject.id, name: "y")
        second.start
        expect(ReceiptsTable.pending.size).to eq 1
        Workflow::Recovery.new(Workflow.configuration).sweep(age_s: 0)

        expect([ run.reload.state, second.workflow.state ]).to eq %i[cancelled waiting]
      end

      it "finds what is to become of a run beside a row that nothing can be made of" do
        orders { later :leave; await :confirm }
        Order.define_method(:leave) { destroy! && Process.kill(:KILL, Process.pid) && sleep }
        run = Order.start(name: "x").workflow
        Order.transaction { Workflow::Receipts.of(Order).then { |receipts| %w[{ {}].each { |bytes| receipts.intend("destroy/0#{bytes}", "destroy", nil, bytes) } } }
        Workflow.runtime.stop
        child, = fork_child { Workflow::Worker.new(threads: 1).start && sleep }
        Process.wait(child)
        work

        eventually("it is cancelled") { run.reload.ended? }
        expect([ run.state, run.reason ]).to eq [ :cancelled, "destroyed" ]
      end

      it "cancels the run of a record that a step destroyed, though the process dies right after the commit" do
        orders { later :leave; await :confirm }
        Order.define_method(:leave) { destroy! && Process.kill(:KILL, Process.pid) && sleep }
        run = Order.start(name: "x").workflow
        Workflow.runtime.stop
        child, = fork_child { Workflow::Worker.new(threads: 1).start && sleep }
        Process.wait(child)
        work

        eventually("it is cancelled") { run.reload.ended? }
        expect([ run.state, run.reason ]).to eq [ :cancelled, "destroyed" ]
      end

      it "cancels what follows an input whose method destroyed the record, though the process dies before it is accepted" do
        orders { await :confirm; await :again }
        Order.define_method(:confirm) do
          destroy!
          self.class.current_transaction.after_commit { Process.kill(:KILL, Process.pid) && sleep }
        end
        run = Order.start(name: "x").workflow
        Workflow.runtime.stop
        child, = fork_child { Order.first.submit(:confirm) }
        Process.wait(child)
        eventually("the claim is in doubt") { Workflow.engine.doubts(10).any? }
        Workflow::Recovery.new(Workflow.configuration).sweep(age_s: 0)

        expect([ run.reload.state, run.reason ]).to eq [ :cancelled, "destroyed" ]
      end

      it "cancels what a record that is gone leaves open, though its process died at the commit, or the log was away" do
        orders { await :confirm }
        runs = %w[dies away].map { |name| Order.start(name: name).workflow }
        Workflow.runtime.stop
        child, = fork_child do
          Order.transaction do
            Order.current_transaction.after_commit { Process.kill(:KILL, Process.pid) }
            Order.first.destroy!
          end
        end
        Process.wait(child)
        store = Workflow.configuration.store
        Order.transaction do
          Order.last.destroy!
          Workflow.configure { |c| c.store = "sqlite:#{@directory}" } # which is none
        end
        Workflow.configure { |c| c.store = store }
        expect(runs.map { |run| run.reload.state }).to eq %i[waiting waiting]
        expect(ReceiptsTable.pending.size).to eq 2
        expect(Workflow::Recovery.new(Workflow.configuration).sweep(age_s: 0)).to eq 2

        expect(runs.map { |run| [ run.reload.state, run.reason ] }).to eq [ [ :cancelled, "destroyed" ] ] * 2
      end

      # @return [Array<String>] what was said to the database of our table after the block's transaction
      def deleted
        said = []
        heard = ->(*, payload) { said << payload[:sql] if payload[:name] == "Workflow Receipt Delete" }
        ActiveSupport::Notifications.subscribed(heard, "sql.active_record") { Order.transaction { yield } }
        said
      end

      it "takes away in one statement what one transaction promised of all records that it destroyed" do
        orders { await :confirm }
        run, other = Array.new(2) { Order.start(name: "x").workflow }
        3.times { Order.create!(name: "without a run") }
        kept = Order.create!(name: "stays")

        said = deleted do
          Order.where.not(id: kept.id).limit(3).destroy_all
          Order.transaction(requires_new: true) { kept.destroy! && raise(ActiveRecord::Rollback) }
          Order.transaction(requires_new: true) { Order.where.not(id: kept.id).destroy_all }
        end
        expect(said.size).to eq 2 # of the savepoint's, and of the others'
        expect([ run, other ].map { |one| one.reload.state }).to eq %i[cancelled cancelled]
        expect([ Order.all.to_a, ReceiptsTable.tokens ]).to eq [ [ kept ], [] ]
      end

      it "takes away so many in one statement, and not more" do
        stub_const("Workflow::Receipts::DELETED", 2)
        orders { await :confirm }
        5.times { Order.create!(name: "x") }

        expect(deleted { Order.destroy_all }.size).to eq 3
        expect(ReceiptsTable.tokens).to be_empty
      end

      # Else Recovery would start what it was promised, and nobody would end it.
      it "cancels what was to start in the transaction that destroyed the record, though the process dies at the commit" do
        orders { await :confirm }
        child, = fork_child do
          Order.transaction do
            Order.current_transaction.after_commit { Process.kill(:KILL, Process.pid) }
            Order.create!(name: "x").tap(&:start).destroy!
          end
        end
        Process.wait(child)
        expect(Workflow::Recovery.new(Workflow.configuration).sweep(age_s: 0)).to eq 2

        expect(Order.workflows.map { |run| [ run.state, run.reason ] }).to eq [ [ :cancelled, "destroyed" ] ]
      end

      it "cancels what another had promised before and tells the log of after the record was destroyed, though the process dies at the commit" do
        orders { await :confirm }
        order = Order.create!(name: "x")
        asked, ask = IO.pipe
        child, said = fork_child do |out|
          asked.gets
          Order.transaction do
            Order.current_transaction.after_commit { Process.kill(:KILL, Process.pid) }
            Order.first.destroy!
            out.puts "destroyed"
            asked.gets
          end
        end
        Order.transaction do
          Order.current_transaction.after_commit do
            ask.puts
            expect(read_line(said, "it is destroyed")).to eq "destroyed"
          end
          order.start
        end
        expect(order.workflow).to be_waiting
        ask.puts
        Process.wait(child)
        Workflow::Recovery.new(Workflow.configuration).sweep(age_s: 0)

        expect(order.workflow).to have_attributes(state: :cancelled, reason: "destroyed")
      end

      it "starts, and says so plainly, where nothing may be written to the database" do
        orders { await :confirm }
        order = Order.create!(name: "x")
        ActiveRecord::Base.while_preventing_writes do
          expect(order.start).to be_waiting # a record that is there needs no transaction
          expect { Order.start(name: "y") }.to raise_error ActiveRecord::ReadOnlyError
          expect { order.submit(:confirm) }.to raise_error ActiveRecord::ReadOnlyError
        end
        expect([ Order.count, order.workflow.state ]).to eq [ 1, :waiting ]
        expect(order.submit(:confirm)).to be_accepted
      end

      it "counts with the writer's transaction, whatever is read from a replica meanwhile" do
        orders { await :confirm }
        order = Order.create!(name: "x")
        from_replica do
          expect(order.start).to be_waiting # outside of any transaction
          expect { order.submit(:confirm) }.to raise_error ActiveRecord::ReadOnlyError
        end
        Order.transaction do
          from_replica { expect { order.workflow.cancel }.to raise_error ActiveRecord::ReadOnlyError }
          order.workflow.cancel
          from_replica { expect(order.workflow).to be_waiting }
          rolled_back
        end

        expect(order.workflow).to be_waiting
      end

      def from_replica(&)
        base = ActiveRecord::Base
        base.connection_handler.establish_connection(base.connection_db_config, owner_name: base, role: :reading)
        base.connected_to(role: :reading, &)
      ensure
        base.connection_handler.remove_connection_pool("ActiveRecord::Base", role: :reading)
      end

      it "is in the log though the database is away, and waits for it" do
        orders { later :pay, transaction: true, retries: 3, backoff: 0.1; await :confirm }
        order = Order.start(name: "x")
        run = order.workflow
        configuration = ActiveRecord::Base.connection_db_config
        ActiveRecord::Base.remove_connection
        ActiveRecord::Base.establish_connection(configuration.configuration_hash.merge(elsewhere))
        work
        eventually("it is tried again") { run.reload.retrying? || run.failed? }
        ActiveRecord::Base.establish_connection(configuration)
        run.retry if run.reload.failed?
        eventually("it waits") { run.reload.waiting? }

        expect(Order.find(order.id).paid).to eq 1
      end

      def elsewhere
        { database: "/dev/null/away", host: "/nowhere" }
      end

      describe "of several" do
        around do |example|
          ApplicationDatabase::KINDS.fetch(kind).new.then do |other|
            @other = other
            example.run
          ensure
            @animals_record&.remove_connection
            other.drop
          end
        end

        def animals(receipts: true)
          orders { await :confirm }
          main = ActiveRecord::Base.connection_db_config
          ActiveRecord::Base.establish_connection(@other.configuration)
          ReceiptsTable.create if receipts
          ActiveRecord::Schema.define { create_table(:animals) { |t| t.string :name } }
          ActiveRecord::Base.establish_connection(main)
          define("AnimalsRecord", ActiveRecord::Base) { self.abstract_class = true }
          @animals_record = AnimalsRecord
          AnimalsRecord.establish_connection(ActiveRecord::DatabaseConfigurations::HashConfig.new("test", "animals", @other.configuration))
          define("Animal", AnimalsRecord) do
            include Workflow
            workflow { now :feed, transaction: true; await :confirm }
            def feed = update!(name: "#{name} fed")
          end
        end

        def tokens(klass) = klass.connection.select_values("SELECT token FROM workflow_receipts")

        it "uses the record's own" do
          animals
          animal = Animal.start(name: "cat")

          expect(animal.reload.name).to eq "cat fed"
          expect(tokens(Animal)).to eq [ "step/#{animal.workflow.id}/feed/1" ]
          expect(tokens(Order)).to be_empty
        end

        it "takes part in the transaction of that one and of no other" do
          animals
          animal = order = nil
          Order.transaction do
            animal = Animal.start(name: "cat")
            expect(animal.workflow).to be_waiting
            Animal.transaction do
              order = Order.start(name: "x")
              rolled_back
            end
            expect(order.workflow).to be_scheduled
          end

          expect([ animal, order ].map { |one| one.workflow.state }).to eq %i[waiting waiting]
          Order.transaction { animal.submit(:confirm) && rolled_back }
          expect(animal.workflow).to be_done
        end

        # Within another shard of the application's database, which has the same tables.
        def on_shard(&)
          base = ActiveRecord::Base
          base.connection_handler.establish_connection(ActiveRecord::DatabaseConfigurations::HashConfig.new("test", "one", @other.configuration), owner_name: base, shard: :one)
          base.connected_to(shard: :one, role: :writing, &)
        ensure
          base.connection_handler.remove_connection_pool("ActiveRecord::Base", role: :writing, shard: :one)
        end

        it "refuses records on shards, whose runs would be about others; destroying one there ends nobody's run" do
          orders { await :confirm }
          run = Order.start(name: "x").workflow
          on_shard do
            ReceiptsTable.create
            ActiveRecord::Schema.define { create_table(:orders) { |t| t.string :name; t.integer :paid, default: 0, null: false } }
            there = Order.create!(name: "there")
            [ -> { Order.start(name: "y") }, -> { there.start }, -> { there.submit(:confirm) }, -> { there.workflow }, -> { there.workflows.first }, -> { there.now(:pay) }, -> { there.later(:pay) },
              -> { there.later.pay }, -> { Workflow::Run.new(Workflow.engine.find(run.id)).subject }, -> { Order.workflows.first.subject },
              -> { Order.transaction { there.submit(:confirm) } } ].each do |call|
              expect(&call).to raise_error Workflow::Error, /\AOrder is on the shard :one here, and .* default one \(:default\) only.* outside of connected_to\(shard: :one\)/
            end
            expect([ Order.pluck(:name), there.id ]).to eq [ [ "there" ], Order.sole.id ]
            there.destroy!
          end

          expect([ run.subject.id, Order.count, run.reload.state, Order.workflows.count ]).to eq [ 1, 1, :waiting, 1 ]
        end

        it "starts a plain object's run on a shard, with the default one's transaction" do
          orders { await :confirm }
          define("Plain") { include Workflow; workflow { await :confirm } }
          run = nil
          Order.transaction do
            on_shard { expect(run = Plain.new.start).to be_scheduled }
            rolled_back
          end
          expect(run).to be_none

          on_shard { ActiveRecord::Base.transaction { expect(Plain.new.start).to be_waiting } }
        end

        it "starts nothing while a record's database cannot be reached" do
          animals
          AnimalsRecord.remove_connection
          AnimalsRecord.establish_connection(@other.configuration.merge(database: "/dev/null/away"))
          expect { Animal.start(name: "cat") }.to raise_error ActiveRecord::ActiveRecordError

          expect(Workflow.events).to be_empty
        end

        it "does without the table where there is none, and says where it is missing" do
          animals(receipts: false)
          animal = Animal.start(name: "cat")

          expect(animal.workflow.error.message).to match(/the database animals has no table workflow_receipts.*install --database animals, then/)
          expect(Order.start(name: "x").workflow).to be_waiting
        end

        it "is told of what is left in one though another is away" do
          animals
          record = Order.create!(name: "left")
          ReceiptsTable.leave(record)
          away

          expect(settle).to match [ 1, "workflow: the log was told of 1.", /\Aleft: what is in the database animals: ActiveRecord::/ ]
          expect(record.workflow).to be_waiting
        end

        def away
          AnimalsRecord.remove_connection
          AnimalsRecord.establish_connection(ActiveRecord::DatabaseConfigurations::HashConfig.new("test", "animals", @other.configuration.merge(database: "/dev/null/away")))
        end

        it "says once that one is away, and again when it is away again" do
          animals
          there, recovery = AnimalsRecord.connection_db_config, Workflow::Recovery.new(Workflow.configuration)
          Workflow.configure { |c| c.logger = Logger.new(@said = StringIO.new) }
          2.times do
            away
            3.times { recovery.sweep }
            expect(recovery.left).to contain_exactly(/what is in the database animals: ActiveRecord::/)
            AnimalsRecord.remove_connection
            AnimalsRecord.establish_connection(there)
            recovery.sweep
            expect(recovery.left).to be_empty
          end

          expect(@said.string.lines.grep(/database.*animals/).size).to eq 2
        ensure
          Workflow.configure { |c| c.logger = nil }
        end

        it "is connected to for what is left only where runs can be: on no other shard, and without records that have some in no database" do
          animals
          base = define("Archive", ActiveRecord::Base) { self.abstract_class = true }
          base.establish_connection(ActiveRecord::DatabaseConfigurations::HashConfig.new("test", "archive", @other.configuration))
          define("Entry", base)
          handler = ActiveRecord::Base.connection_handler
          shard = handler.establish_connection(ActiveRecord::DatabaseConfigurations::HashConfig.new("test", "one", @other.configuration), owner_name: AnimalsRecord, shard: :one)
          handler.clear_all_connections!
          Workflow::Recovery.new(Workflow.configuration).sweep

          expect([ shard, Archive.connection_pool, AnimalsRecord.connection_pool, ActiveRecord::Base.connection_pool ].map { |pool| pool.connections.size }).to eq [ 0, 0, 1, 1 ]
        ensure
          base&.remove_connection
          handler&.remove_connection_pool("AnimalsRecord", shard: :one)
        end

        it "is told of what is left in each" do
          animals
          [ Order, Animal ].each { |klass| ReceiptsTable.leave(klass.create!(name: "left")) }
          expect(Workflow::Recovery.new(Workflow.configuration).sweep(age_s: 0)).to eq 2

          expect([ Order.last, Animal.last ].map { |one| one.workflow.state }).to eq %i[waiting running]
        end
      end
    end
  end
end
