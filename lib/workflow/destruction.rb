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
        klass.after_commit(self, on: :destroy)
      end

      # @param record [ActiveRecord::Base] that is gone
      # @raise [StoreError] when the log cannot be reached: the record is gone all the same
      # @api private
      def after_commit(record)
        Declarations.of(record.class).workflows.each_value do |definition|
          each_open(Subject.of(record), definition) { |snapshot| leave(snapshot, record) } unless definition.outlives_record?
        end
      end

      private
        # Of a workflow that is unique there is at most one.
        def each_open(subject, definition, &block)
          key = subject.key(definition.name)
          snapshots = definition.unique? ? [ Workflow.engine.current(key) ].compact : all_of(key)
          snapshots.each { |snapshot| block.call(snapshot) unless Run::ENDED.include?(snapshot[:state]) }
        end

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
