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
      # @param record [ActiveRecord::Base]
      # @api private
      def after_destroy(record)
        receipts = Receipts.in_transaction(record.class) if ending(record).any?
        return unless receipts
        Commitment.make(receipts, Intent.destroy(Subject.of(record), ending(record))) { |tell| tell.call { end_runs(record) } }
      end

      # @param record [ActiveRecord::Base] that is gone
      # @raise [StoreError] when the log cannot be reached: the record is gone all the same
      # @api private
      def after_commit(record)
        end_runs(record) if ending(record).any? && !Receipts.at(record.class)&.there?
      end

      # Of any process: cancels what is open.
      # @param keys [Array<String>] of the runs of a record that is gone
      # @return [Array(Symbol, nil, Array)] as the engine answers
      # @api private
      def cancel(keys, by)
        ids = keys.flat_map { |key| open_of(key) }.map { |snapshot| snapshot[:id] }
        [ :ok, nil, ids.flat_map { |id| Workflow.engine.cancel(id, nil, REASON, by).last } ]
      end

      private
        # The workflows whose runs end with it. On a shard there are none: a run is about the record of that id on the default one.
        def ending(record) = Subject.sharded?(record.class) ? [] : Declarations.of(record.class).workflows.values.reject(&:outlives_record?)

        def end_runs(record)
          subject = Subject.of(record)
          ending(record).each { |definition| each_open(subject, definition) { |snapshot| leave(snapshot, record) } }
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
          inner ? inner.part(REASON) : Run.new(snapshot, subject: record).cancel(reason: REASON)
        rescue NotPending
          nil # it ended meanwhile
        end
    end
  end
end
