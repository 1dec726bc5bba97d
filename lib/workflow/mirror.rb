# frozen_string_literal: true

require_relative "mirror/columns"
require_relative "mirror/copies"
require_relative "mirror/keeper"
require_relative "mirror/positions"
require_relative "mirror/rebuilding"

module Workflow
  # `workflow mirror: true`: columns of the records' table that say how their runs stand, for where, joins and order. The log
  # decides; they are written after it: by callers at once after their own calls, and by one process of all, which follows
  # the log (Keeper), whoever has moved a run, and wherever one was killed meanwhile.
  module Mirror
    @watched = 0

    class << self
      # Remembers that there is something to be kept.
      # @param klass [Class] of Active Record
      # @return [void]
      def watch(klass)
        @watched += 1
        klass.include(Copies) unless klass < Copies
        Workflow.runtime.keep_mirrors
      end

      # @return [Integer] grows with each class that says so, and when one is loaded again
      attr_reader :watched

      # Nothing is to be kept, until a class says so again.
      # @return [void]
      # @api private
      def forget = @watched = 0

      # @return [Boolean] whether any class that was loaded says so
      def any? = watched.positive?

      # Writes what a caller has just recorded, once the transaction that it is in is over: the run has moved, whether that
      # commits or not. Nothing is raised; what cannot be written now the keeper writes.
      # @param run [Run]
      # @return [void]
      def follow(run)
        return unless any?
        object = run.known_subject
        columns = columns_for(run.snapshot, object) or return
        transaction = Receipts.at(columns.klass)&.transaction
        return columns.tell(run, object) unless transaction&.open?
        transaction.after_commit { follow(run) }
        transaction.after_rollback { follow(run) }
      rescue StandardError => error
        Report.error(error, handled: true, context: { run_id: run.id })
      end

      # @param snapshot [Hash] a run
      # @param object [Object, nil] its subject, if it is at hand
      # @return [Columns, nil] nil: it is not mirrored, or its record is gone
      # @api private
      def columns_for(snapshot, object = nil)
        return if snapshot[:name].start_with?(".")
        klass = object ? object.class : class_of(snapshot)
        Columns.of(klass, snapshot[:name]) if klass
      end

      # @return [Hash{Class=>Array<Symbol>}] base classes of records, and the workflows that are mirrored of any class of the line
      # @api private
      def families
        classes = Declarations.classes.select { |klass| Subject.record?(klass) }.flat_map { |klass| line_to(klass) }.uniq
        classes.reject(&:abstract_class?).group_by(&:base_class)
          .transform_values { |line| line.flat_map { |klass| Columns.names_of(klass) }.uniq }.reject { |_, names| names.empty? }
      end

      # Makes all columns true, for a person: rake workflow:mirror.
      # @param out [IO]
      # @return [void]
      # @raise [StoreError, ActiveRecord::ActiveRecordError]
      def rebuild(out)
        families.each do |klass, names|
          rows, untrue = Rebuilding.new(klass, names).run
          out.puts "workflow: #{klass}, #{rows} records: #{untrue} had other columns than the log says."
        end
      end

      # Also where a replica is being read just now.
      # @api private
      def writing(&) = ::ActiveRecord::Base.connected_to(role: ::ActiveRecord.writing_role, &)

      private
        # Of a record that may be of a subclass with a workflow of its own, the record has to be asked.
        def class_of(snapshot)
          klass = Declarations.class_of(snapshot[:class_name])
          return unless klass && Subject.record?(klass)
          Declarations.several?(klass) ? Subject.load(snapshot[:class_name], snapshot[:subject]).class : klass
        rescue SubjectMissing
          nil
        end

        def line_to(klass)
          line = []
          while klass.is_a?(Declaring)
            line << klass
            klass = klass.superclass
          end
          line
        end
    end
  end
end
