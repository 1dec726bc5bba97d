# frozen_string_literal: true

module Workflow
  # A relation's `load` that reads the current runs of all its records at once. An anonymous module each for one
  # workflow, or for all: what `extending` takes.
  class Preloading < Module
    # The word that it adds to the classes of records.
    module Word
      # The relation, whose records have their current runs with them when they are loaded: one query of the log for
      # all of them, and `record.workflow` reads nothing, until the record or the run is reloaded, or the record is
      # told to start, submit, run or queue something.
      # @param name [Symbol, nil] one workflow of the class; by default all that it declares
      # @return [ActiveRecord::Relation]
      # @raise [DefinitionError] of a workflow that the class does not have
      # @example
      #   @signups = account.signups.order(:id).preload_workflows.limit(50)
      def preload_workflows(name = nil) = defined?(super) ? super : all.extending(Preloading.of(self, name))
    end

    # @return [Preloading]
    def self.of(klass, name)
      name = Names.read_any("preload_workflows", name, "a workflow")
      declarations = Declarations.of(klass)
      declarations.workflow!(name) if name || declarations.workflows.empty?
      new(name)
    end

    def initialize(name)
      super() do
        define_method(:load) do |&block|
          awaited = respond_to?(:scheduled?) && scheduled? # load_async
          return super(&block) if loaded? && !awaited
          super(&block).tap { LoadedRuns.fill(records, name) }
        end
      end
    end
  end
end
