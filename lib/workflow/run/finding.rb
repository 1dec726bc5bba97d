# frozen_string_literal: true

module Workflow
  class Run
    # Finds the run that is meant by an object and a name. Extends Run.
    module Finding
      # As long as any message has what was given for an id.
      SHOWN_LEN_MAX = 100
      ID = /\A[0-9a-z]{13}\z/
      private_constant :SHOWN_LEN_MAX, :ID

      # The run of an id, as the log, notifications, error messages and `workflow:check` have it; also one whose record, class
      # or workflow is gone.
      # @param id [String]
      # @return [Run] as it is now
      # @raise [RunMissing] when the log has no run of that id, whatever was given
      # @raise [StoreError] when the log cannot be read
      # @example
      #   run = Workflow::Run.find("0samct4er0000")
      #   run.cancel(reason: "its class is gone") if run.failed?
      def find(id)
        snapshot = Workflow.engine.find(id) if id?(id)
        new(snapshot || raise(RunMissing, missing(id)))
      end

      # The current or last run of an object; inside one of its steps, the run of that step.
      # @return [Run]
      # @api private
      def of(object, name = nil)
        name = Names.read_any("workflow", name, "a workflow or a method")
        execution = Execution.current
        return execution.run if execution && execution.object.equal?(object) && (name.nil? || execution.named?(name))
        subject = Subject.of(object)
        name = key_name(subject.klass, name)
        LoadedRuns.of(object, name) || current(subject, name)
      end

      # @api private
      def current(subject, name)
        snapshot = Workflow.engine.current(subject.key(name)) if subject.identified?
        found(subject, name, snapshot)
      end

      # @param snapshot [Hash, nil] what the log has
      # @api private
      def found(subject, name, snapshot) = new(snapshot || none(subject.klass, name), subject: subject.object)

      private
        def id?(given) = given.is_a?(String) && given.valid_encoding? && given.encoding.ascii_compatible? && given.match?(ID)

        def missing(id)
          shown = id.inspect.then { |text| text.size > SHOWN_LEN_MAX ? "#{text[0, SHOWN_LEN_MAX]}…" : text }
          return "#{shown} is no id of a run. One has 13 letters and digits, as run.id gives it and the log's lines have it." unless id?(id)
          "The log #{Workflow.configuration.store} has no run #{shown}. Either it is another log than the one that the run is in (config.store), or it was " \
            "restored from a copy that is older than the run, or the transaction that starts the run has not committed."
        end

        def key_name(klass, name)
          declarations = Declarations.of(klass)
          definition = declarations.workflow(name)
          return definition.name if definition
          declarations.workflow!(name) if name.nil? ? declarations.workflows.any? : !klass.method_defined?(name)
          name ? :".#{name}" : :workflow
        end

        def none(klass, name)
          steps = Declarations.of(klass).workflow(name)&.steps || []
          { name: name.to_s, state: :none, version: 0,
            steps: steps.map { |step| { name: step.name, kind: step.kind, state: :pending } } }
        end
    end
  end
end
