# frozen_string_literal: true

module Workflow
  class Run
    # Finds the run that is meant by an object and a name. Extends Run.
    module Finding
      # The current or last run of an object; inside one of its steps, the run of that step.
      # @return [Run]
      # @api private
      def of(object, name = nil)
        name = Names.read_any("workflow", name, "a workflow or a method")
        execution = Execution.current
        return execution.run if execution&.object.equal?(object) && (name.nil? || execution.named?(name))
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
