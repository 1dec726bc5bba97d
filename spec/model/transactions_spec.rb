# frozen_string_literal: true

require "spec_helper"
require_relative "driver"
require_relative "transactions"
require_relative "../support/receipts_table"

# Processes that start, submit and cancel in transactions of the application, commit them, roll them back, or die in the
# middle, beside the model: half of them of a seed that stays, which meets every kind, half of a new one. SEED=1234 is that
# seed and no other; PROCESSES=1000 makes more of them; LONG=1 makes 2,000.
RSpec.describe "The model of transactions" do
  processes = Integer(ENV.fetch("PROCESSES") { ENV["LONG"] ? 2_000 : 60 })
  kept_seed = 1186
  given = ENV["SEED"] && Integer(ENV["SEED"])
  fresh_seed = Random.new_seed % 1_000_000
  kinds = %i[create_in_transaction create_once_in_transaction start_in_transaction submit_in_transaction cancel_in_transaction create submit cancel
    commit_in_transaction commit rollback_in_transaction rollback die]
  shares = given ? { given => processes } : { kept_seed => processes / 2, fresh_seed => processes - processes / 2 }

  ApplicationDatabase.each do |kind|
    context "on #{kind}", application_database: kind do
      include StoreOfItsOwn
      include Records

      around do |example|
        Dir.mktmpdir("workflow-model", Differential.root) do |directory|
          Workflow.configure { |c| c.store = "sqlite:#{directory}/log.sqlite3" }
          example.run
        ensure
          Workflow.runtime.stop(timeout: 5)
        end
      end

      before do
        ReceiptsTable.create
        table(:orders) { |t| t.string :name; t.integer :paid, default: 0, null: false }.class_eval do
          include Workflow
          workflow { now :pay, transaction: true; await :confirm }
          def pay = increment!(:paid) # in the database: the object may be older

          def confirm(amount:)
            increment!(:paid, amount)
            reject "too much" if amount > 9
          end
        end
        stub_const("Workflow::Caller::Submitting::TURN_MS", 20) # nobody else is there to end it
      end

      def order(name) = Order.find_by!(name: name)

      # What one process does, as nested blocks: where a transaction begins, the rest is done in it until it ends.
      def perform(operations, told)
        while (name, *arguments = operations.shift)
          case name
          when :begin then transaction(operations, told << nil)
          when :commit then return told << nil
          when :rollback then raise ActiveRecord::Rollback
          when :die then die(arguments.first, told)
          else told << word(name, *arguments)
          end
        end
      end

      def transaction(operations, told)
        done = false
        Order.transaction(requires_new: true) do
          Order.current_transaction.after_commit { die(:now) if @dies }
          perform(operations, told)
          done = true
        end
        told << nil unless done
      end

      # After the commit: of what is open; before anybody else hears of it, since this one's block is the transaction's first.
      def die(moment, told = nil)
        say(told << nil) if told
        return @dies = true if moment == :after
        Process.kill(:KILL, Process.pid)
        sleep
      end

      def say(told) = @out.puts(Marshal.dump(told).unpack1("H*"))

      def word(name, *arguments)
        case name
        when :create then Order.start(name: arguments.first).workflow.state
        when :create_once then Order.new(name: arguments.first).start(key: arguments.last).then { |run| run.existing? ? :existing : run.state }
        when :start then order(arguments.first).start.then { |run| run.existing? ? :existing : run.state }
        when :submit then order(arguments.first).submit(:confirm, amount: arguments.last).accepted? ? :accepted : :refused
        when :cancel then order(arguments.first).workflow.cancel && :ok
        when :touch then order(arguments.first).then { |record| record.increment!(:paid, 100) && :ok }
        end
      rescue Workflow::NotPending
        :refused
      end

      def live(operations)
        Workflow.runtime.stop
        child, said = fork_child do |out|
          @out, told = out, []
          perform(operations.dup, told)
          say(told)
          Workflow.runtime.stop
        end
        line = read_line(said, "the process")
        Process.wait(child)
        children.delete(child)
        Marshal.load([ line ].pack("H*"))
      rescue ArgumentError, TypeError
        raise Differential::Difference, "after #{operations.inspect}\n  the process said #{line}"
      end

      def settled(expected)
        recovery = Workflow::Recovery.new(Workflow.configuration)
        worker = Workflow::Worker.new(threads: 1).start
        eventually("all is as it is to be") { recovery.sweep(age_s: 0) && visible == expected && free? }
        expect(ReceiptsTable.pending).to be_empty
        visible
      rescue RuntimeError # not in time
        visible
      ensure
        worker&.stop(timeout: 5)
      end

      # Whether nobody who died holds an await any more.
      def free?
        hand = Workflow.engine.hand
        Order.workflows.waiting.all? { |run| hand.submit(run.id, "confirm", "spec", 0).first == :claimed && (hand.give_back || true) }
      ensure
        hand.give_back
      end

      def visible
        Order.order(:id).to_h { |order| [ order.name, [ order.paid, order.workflows.reverse_each.map { |run| [ run.state, run.input(:confirm)&.fetch(:amount) ] } ] ] }
      end

      # Sequences of ten processes each, on a log and tables that are empty at first.
      # @return [Hash{Symbol=>Integer}] how often what happened
      def sequences(seed, processes)
        (0...processes).step(10).each_with_object(Hash.new(0)) do |number, succeeded|
          sequence = Differential::Transactions.new(seed * 1_000 + number) { |operations, expected| [ live(operations), settled(expected) ] }
          [ 10, processes - number ].min.times { sequence.process }
          sequence.succeeded.each { |name, times| succeeded[name] += times }
          forget_all
        end
      end

      def forget_all
        [ "orders", "workflow_receipts" ].each { |name| Order.connection.execute("DELETE FROM #{name}") }
        Workflow.runtime.stop
        Dir.glob("#{Workflow.configuration.path}*").each { |file| File.delete(file) }
      end

      it "says the same after each of #{processes} processes (SEED=#{shares.keys.join(", SEED=")})" do
        met = shares.flat_map do |seed, share|
          RSpec.configuration.reporter.message("model of transactions: SEED=#{seed}, #{share} processes")
          sequences(seed, share).keys
        end
        expect(kinds - met).to be_empty unless given || ENV.key?("PROCESSES")
      end
    end
  end
end
