# frozen_string_literal: true

module Workflow
  # What becomes of open runs when the record that they are about is destroyed: cancelled once the transaction has
  # committed, unless the workflow says `on_destroy: :keep`. Added to an Active Record class that declares a workflow.
  # A step that destroys its own record is not cut off by that: its end is recorded, and the run ends as it would, done
  # or expired, if that was its end; else it is cancelled then.
  module Destruction
    REASON = "destroyed"
    PAGE = 100

    class << self
      # Has the class tell of destroyed records, once, whatever its parents do.
      # @param klass [Class] of Active Record
      def watch(klass)
        return if klass.ancestors.any? { |one| one.instance_variable_defined?(:@workflow_destruction) }
        klass.instance_variable_set(:@workflow_destruction, true)
        klass.after_destroy(self)
        klass.after_commit(self, on: :destroy)
      end

      # What is to become of its runs is promised with the transaction, so that the log may be away meanwhile, and whatever dies.
      # Where that is left to the step that destroys it, the promise stays: that step may die as well.
      # @param record [ActiveRecord::Base]
      # @api private
      def after_destroy(record)
        receipts = Receipts.in_transaction(record.class) if ending(record).any?
        return unless receipts
        intent = Intent.destroy(Subject.of(record), ending(record), Execution.steps.map(&:attempt_id))
        rows, token = Receipts::Deletion.of(receipts), intent.token
        Commitment.make(receipts, intent) { rows.told(token, stays: end_runs(record)) }
        rows.expect(token)
      end

      # Whether a run is to be cancelled since its record is gone, of which the log is not told yet.
      # @param klass [Class] of Active Record
      # @param snapshot [Hash] the run
      # @raise [ReceiptsInvalid, ActiveRecord::ActiveRecordError]
      # @api private
      def promised?(klass, snapshot)
        receipts = Receipts.of(klass) or return false
        skipped = 0
        begin
          rows = receipts.leftovers(0, skipped)
          return true if rows.any? { |row| promised_by?(row, snapshot) }
          skipped += rows.size
        end while rows.size == Receipts::PAGE
        false
      end

      # @param record [ActiveRecord::Base] that is gone
      # @raise [StoreError] when the log cannot be reached: the record is gone all the same
      # @api private
      def after_commit(record)
        end_runs(record) if ending(record).any? && !Receipts.at(record.class)&.there?
      end

      # Of any process: cancels what is open, unless an attempt that destroyed the record is under way and does so itself.
      # @param keys [Array<String>] of the runs of a record that is gone
      # @param within [Array<Array>] the attempts that it was destroyed in, as {Execution#attempt_id}
      # @param before [String, nil] an id that runs begun later have gone beyond: those are another record's
      # @return [Array(Symbol, nil, Array)] as the engine answers; :later
      # @api private
      def cancel(keys, by, within: [], before: nil)
        open = keys.flat_map { |key| open_of(key) }.select { |snapshot| before.nil? || snapshot[:id] < before }
        return [ :later, nil, [] ] if open.any? { |snapshot| within.any? { |attempt| under_way?(snapshot, *attempt) } }
        [ :ok, nil, open.flat_map { |snapshot| Workflow.engine.cancel(snapshot[:id], nil, REASON, by).last } ]
      end

      private
        # The workflows whose runs end with it. On a shard there are none: a run is about the record of that id on the default one.
        def ending(record) = Subject.sharded?(record.class) ? [] : Declarations.of(record.class).workflows.values.reject(&:outlives_record?)

        # @return [Boolean] whether any of them is left to a step that this thread is in
        def end_runs(record)
          subject, left = Subject.of(record), false
          ending(record).each { |definition| each_open(subject, definition) { |snapshot| left = true if leave(snapshot, record) == :left } }
          left
        end

        # A row that nothing can be made of is told of by Recovery.
        def promised_by?(row, snapshot)
          row.kind == "destroy" && Intent.of(row).destroys?(snapshot)
        rescue ReceiptsInvalid
          false
        end

        # That a step is running may be told with its end only.
        def under_way?(snapshot, run_id, name, attempt)
          step = snapshot[:steps].find { |facts| facts[:name].name == name } if snapshot[:id] == run_id
          !step.nil? && %i[ready running].include?(step[:state]) && step[:attempts] == attempt
        end

        # Of a workflow that is unique there is at most one.
        def each_open(subject, definition, &block)
          key = subject.key(definition.name)
          snapshots = definition.unique? ? [ Workflow.engine.current(key) ].compact : all_of(key)
          snapshots.each { |snapshot| block.call(snapshot) unless Run::ENDED.include?(snapshot[:state]) }
        end

        def open_of(key) = all_of(key).reject { |snapshot| Run::ENDED.include?(snapshot[:state]) }

        def all_of(key)
          before, found = nil, []
          begin
            page = Workflow.engine.list(key, before, PAGE)
            found.concat(page.select { |snapshot| snapshot[:key] == key })
            before = page.last&.fetch(:id)
          end while page.size == PAGE
          found
        end

        def leave(snapshot, record)
          inner = Execution.of_run(snapshot[:id])
          return Run.new(snapshot, subject: record).cancel(reason: REASON) unless inner
          inner.part(REASON)
          :left
        rescue NotPending
          nil # it ended meanwhile
        end
    end
  end
end
