# frozen_string_literal: true

require_relative "background"

module Workflow
  # Tells the log what is left in the application's databases by processes that died after a commit, and what became of
  # claims that are in doubt: soon after the engine of a process is opened, and from time to time. Each finding counts once,
  # however many processes find it.
  class Recovery < Background
    FIRST_S = 1
    EVERY_S = 30
    # What is younger is told by whoever wrote it.
    AGE_S = 5
    # At most so many doubts at a time.
    PAGE = 1_000
    PATIENCE_S = 1

    # Looks now, for a person: bin/workflow settle, rake workflow:settle.
    # @param out [IO] for what was found, and what is left or in doubt still, and why
    # @return [Integer] the status to exit with: 1 if anything is
    def self.settle(out)
      recovery = new(Workflow.configuration)
      out.puts "workflow: the log was told of #{recovery.sweep(age_s: 0)}."
      left = recovery.left
      out.puts left
      left.empty? ? 0 : 1
    end

    def initialize(configuration)
      @configuration = configuration
      @left, @doubted, @away = {}, {}, {}
      super("workflow-recovery", patience_s: PATIENCE_S)
    end

    # Looks once, in all databases.
    # @param age_s [Numeric] at what is at least so old
    # @return [Integer] how much the log was told of
    def sweep(age_s: AGE_S)
      [ @left, @doubted ].each(&:clear)
      Pledge.sweep
      @configuration.wrap do
        Receipts.all.sum { |receipts| tell_all(receipts, age_s) } + Workflow.engine.doubts(PAGE).count { |doubt| settle(doubt) }
      end
    end

    # @return [Array<String>] after {#sweep}: what it could not tell the log of, and what is in doubt still; and why
    # @raise [StoreError]
    def left
      doubts = Workflow.engine.doubts(PAGE).map do |doubt|
        run_id, class_name, _, _, step = doubt
        [ "in doubt: whether the input of #{step} was accepted (#{class_name}, run #{run_id})", @doubted[doubt] ].compact.join(": ")
      end
      @left.map { |what, why| "left: #{what}: #{why}" } + doubts
    end

    private
      def run
        pause(FIRST_S)
        super
      end

      # What goes wrong now is tried the next time.
      def work
        sweep
        EVERY_S
      rescue StandardError => error
        Report.error(error, handled: true)
        EVERY_S
      end

      # A database that cannot be reached is no reason to leave out the others.
      def tell_all(receipts, age_s)
        told = receipts.there? ? tell_pages(receipts, age_s) : 0
        @away.delete(receipts.name)
        told
      rescue ReceiptsInvalid, ::ActiveRecord::ActiveRecordError => error
        @left["what is in the database #{receipts.name}"] = Report.text(error)
        report_once(receipts.name, error)
        0
      end

      # It may be away for hours, and every process looks.
      def report_once(database, error)
        Report.error(error, handled: true, context: { database: database }) unless @away[database] == error.class
        @away[database] = error.class
      end

      # Nobody has asked for these looks, which would be lines between what is typed into a console.
      def tell_pages(receipts, age_s)
        told = left = 0
        begin
          rows = receipts.leftovers(age_s, left, quiet: true)
          count = rows.count { |row| tell(receipts, row) }
          told, left = told + count, left + rows.size - count
        end while rows.size == Receipts::PAGE
        told
      end

      # Nor is a row that nothing can be made of a reason to leave out the others: it stays, and is told of each time.
      def tell(receipts, row)
        intent = Intent.of(row)
        outcome, snapshot, events, = intent.tell
        return left_to_a_step(intent) if outcome == :later
        Instrumentation.publish_all(events, Run.new(snapshot)) if outcome == :started
        intent.told(receipts) { |error| @left["the row #{row.token}, of which the log was told"] = Report.text(error) }
      rescue StandardError => error
        @left[(intent || "the row #{row.token}").to_s] = Report.text(error)
        Report.error(error, handled: true, context: { run_id: row.run_id })
        false
      end

      def left_to_a_step(intent)
        @left[intent.to_s] = "the step that destroyed the record is at work yet"
        false
      end

      def settle(doubt)
        Pledge.settle(doubt) == :ok
      rescue StandardError => error
        @doubted[doubt] = Report.text(error)
        Report.error(error, handled: true, context: { run_id: doubt.first })
        false
      end
  end
end
