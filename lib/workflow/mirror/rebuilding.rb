# frozen_string_literal: true

module Workflow
  module Mirror
    # Compares the columns of all records of a class with the log, and makes them true: where the columns are new, or what
    # the keeper knew of its place in the log is lost.
    class Rebuilding
      PAGE = 500

      # @param klass [Class] the base class
      # @param names [Array<Symbol>] of workflows
      # @param over [Proc] whether to leave it
      def initialize(klass, names, over: -> { false })
        @klass, @names, @over = klass, names, over
      end

      # @return [Array(Integer, Integer), nil] how many records there are, and how many of their workflows had other columns; nil: it
      #   was left
      def run
        rows = untrue = 0
        Mirror.writing do
          records_and_columns.find_in_batches(batch_size: PAGE) do |records|
            return if @over.call
            rows += records.size
            untrue += @names.sum { |name| correct(records, name) }
          end
        end
        [ rows, untrue ]
      end

      private
        # Whole, for what the application does with records that are read; and with the columns by name, since SQLite's adapter keeps
        # statements, and one from before the migration goes on without them.
        def records_and_columns
          @klass.unscoped.select(@klass.arel_table[Arel.star], *@names.flat_map { |name| Columns.names_for(name) })
        end

        def correct(records, name)
          mirrored = records.filter_map { |record| Columns.of(record.class, name)&.then { |columns| [ record, columns ] } }
          snapshots = Workflow.engine.currents(mirrored.map { |record, _| Subject.of(record).key(name) })
          mirrored.zip(snapshots).count { |(record, columns), snapshot| columns.correct(record, snapshot) }
        end
    end
  end
end
