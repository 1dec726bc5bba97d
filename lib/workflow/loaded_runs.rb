# frozen_string_literal: true

module Workflow
  # The runs that a record was given beforehand, by {Preloading} or by a transaction that is not over: what
  # `record.workflow` answers without a look at the log. Kept on that one record, and no longer than until it is reloaded, or anything is done to its run by its words.
  class LoadedRuns
    IVAR = :@workflow_loaded_runs
    CHUNK = 1000

    # Forgets the runs with the rest of what was read. Included in the classes of records.
    module Forgetting
      def reload(...)
        LoadedRuns.drop(self)
        super
      end
    end

    class << self
      # Reads the current runs of all the records at once.
      # @param name [Symbol, nil] one workflow; nil: all that the record's class declares
      def fill(records, name)
        wanted = records.reject { |record| record.id.nil? }.flat_map { |record| wanted_of(record, name) }
        wanted.each_slice(CHUNK) do |chunk|
          snapshots = Workflow.engine.currents(chunk.map { |subject, key_name| subject.key(key_name) })
          chunk.zip(snapshots) { |(subject, key_name), snapshot| keep(subject, key_name, snapshot) }
        end
      end

      # @return [Run, nil]
      def of(object, name)
        object.instance_variable_get(IVAR)&.run(object, name) if object.instance_variable_defined?(IVAR)
      end

      # What a record is to answer until its transaction has committed.
      def give(subject, name, run) = (loaded_by(subject.object).add(name, run) if subject.record?)

      def drop(object)
        object.remove_instance_variable(IVAR) if object.instance_variable_defined?(IVAR)
      end

      private
        def wanted_of(record, name)
          subject = Subject.of(record)
          names = name ? [ Declarations.of(record.class).workflow!(name).name ] : Declarations.of(record.class).workflows.keys
          names.map { |key_name| [ subject, key_name ] }
        end

        def keep(subject, name, snapshot)
          loaded_by(subject.object).add(name, Run.found(subject, name, snapshot))
        end

        def loaded_by(object)
          loaded = object.instance_variable_get(IVAR) if object.instance_variable_defined?(IVAR)
          loaded&.of?(object) ? loaded : object.instance_variable_set(IVAR, new(object))
        end
    end

    def initialize(owner)
      @owner, @runs = owner, {}
    end

    def add(name, run) = @runs[name] = run

    # A copy of a record has these, but is not its owner.
    def of?(object) = @owner.equal?(object)
    def run(object, name) = (@runs[name] if of?(object))

    # In a cache it would be served to another request: left behind.
    def marshal_dump = nil
    def marshal_load(_) = initialize(nil)
  end
end
