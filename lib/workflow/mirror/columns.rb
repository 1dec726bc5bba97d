# frozen_string_literal: true

module Workflow
  module Mirror
    # The columns of one workflow in the table of one class: `workflow_state`, `workflow_step`, `workflow_version` and
    # `workflow_run_id`, with the workflow's name where it has one. Written as they are, past callbacks, validations and
    # timestamps, and never with something older than what is there: ids of runs grow with time, versions within a run.
    class Columns
      PARTS = %i[state step version run_id].freeze

      # @return [Columns, nil] nil: that class does not mirror that workflow
      def self.of(klass, name)
        definition = Declarations.of(klass).workflow(name)
        new(klass, definition) if definition&.mirror?
      end

      # @return [Array<Symbol>] the workflows that a class mirrors
      def self.names_of(klass) = Declarations.of(klass).workflows.values.select(&:mirror?).map(&:name)

      # @param name [Symbol] of a workflow
      # @return [Array<String>]
      def self.names_for(name) = PARTS.map { |part| "#{name}_#{part}" }

      # @return [Class]
      attr_reader :klass

      def initialize(klass, definition)
        @klass, @definition = klass, definition
      end

      # @return [Array<String>]
      def names = Columns.names_for(@definition.name)

      # @raise [DefinitionError] if the table has not got them; not where there is no table, or no database, to be asked
      def verify
        return if klass.abstract_class? || !klass.table_exists?
        missing = names - klass.column_names
        raise DefinitionError, lacking(missing) if missing.any?
      rescue ::ActiveRecord::ConnectionNotEstablished, ::ActiveRecord::NoDatabaseError
        nil
      end

      # Writes how a run stands, unless that is there already or what is there is newer.
      # @param run [Run]
      # @return [Boolean] whether it was written
      def write(run)
        Mirror.writing { rows(run.snapshot).where(older_than(run)).update_all(values(run)) }.positive?
      end

      # Writes it, and tells the caller's object.
      # @param object [ActiveRecord::Base, nil]
      # @return [void]
      def tell(run, object)
        write(run)
        give(object, values(run)) if object
      end

      # Puts right what is not so, whatever is there, unless somebody has written since it was read.
      # @param record [ActiveRecord::Base] as it was read before the log was
      # @param snapshot [Hash, nil] how the log has its current run
      # @return [Boolean] whether it was not so
      def correct(record, snapshot)
        wanted = snapshot ? values(Run.new(snapshot, subject: record)) : names.to_h { |name| [ name, nil ] }
        return false if wanted.all? { |name, value| record[name] == value }
        unchanged = [ column(:run_id), column(:version) ].to_h { |name| [ name, record[name] ] }
        Mirror.writing { of_id(record.id).where(unchanged).update_all(wanted) }
        true
      end

      # @param record [ActiveRecord::Base] that has no run yet
      # @return [void]
      def clear(record)
        names.each { |name| record[name] = nil if record.has_attribute?(name) }
      end

      # @return [ActiveRecord::Base, nil] the record of a run, as it is now
      def record_of(snapshot) = Mirror.writing { rows(snapshot).first }

      private
        def column(part) = "#{@definition.name}_#{part}"

        def values(run)
          { column(:state) => run.state.to_s, column(:step) => step_of(run)&.name&.to_s, column(:version) => run.version, column(:run_id) => run.id }
        end

        # The one that is awaited, being run or next; or that has failed.
        def step_of(run) = run.current_step || (run.steps.find(&:failed?) if run.failed?)

        def rows(snapshot) = of_id(Serializer.load(snapshot[:subject]).first)
        def of_id(id) = klass.base_class.unscoped.where(Array(klass.primary_key).zip(Array(id)).to_h)

        def older_than(run)
          id, version = klass.arel_table.then { |table| [ table[column(:run_id)], table[column(:version)] ] }
          id.eq(nil).or(id.lt(run.id)).or(id.eq(run.id).and(version.lt(run.version)))
        end

        # As after a reload: nothing of it is a change to be saved.
        def give(object, values)
          return if object.frozen? || !object.persisted? || !values.keys.all? { |name| object.has_attribute?(name) }
          values.each { |name, value| object[name] = value }
          object.clear_attribute_changes(values.keys)
        end

        def lacking(missing)
          named = " --workflow #{@definition.name}" unless @definition.name == :workflow
          "#{@definition.location}: mirror: true keeps columns of #{klass.table_name} true, and it has no #{missing.join(", ")}. Make them with: " \
            "bin/rails generate workflow:mirror #{klass.base_class.name.underscore}#{named}, then bin/rails db:migrate."
        end
    end
  end
end
