# frozen_string_literal: true

module Workflow
  # An await with `by:`, of which the gem makes and checks the proof: found for whoever wants to send one.
  class Proof
    NEEDED = { link: [ "links", "signs the links" ], code: [ "codes", "makes the codes" ] }.freeze

    class << self
      # The run that has the await: the one of whose step this is said, or that a new one is sent for; else of several workflows the open one.
      # @param subject_or_run [Object, Run]
      # @param await [Symbol]
      # @param word [String] that was called, for errors
      # @return [Proof]
      # @raise [DefinitionError] of what is no await
      # @raise [NotWaiting] when nothing has started
      # @raise [ArgumentError] of nil, and of what is neither an object of a class that includes Workflow nor a run
      def of(subject_or_run, await, word)
        await = Names.read(word, await, "an await")
        run = subject_or_run if subject_or_run.is_a?(Run)
        return new(run, await) if run&.id && !run.method_run? && run.step?(await)
        subject = Subject.of(run ? run.subject : Subject.checked(word, subject_or_run))
        new(in_hand(subject, await) || newest(subject, await), await)
      end

      # @return [StepDefinition, nil] what the present code says of an await
      def declared(run, await)
        Declarations.of(run.subject.class).workflow(run.name)&.step(await) unless run.method_run?
      end

      # @param by [Symbol]
      # @return [Rails::Application]
      # @raise [DefinitionError] without Rails
      def application(by)
        found = ::Rails.application if defined?(::Rails) && ::Rails.respond_to?(:application)
        found or raise DefinitionError, "by: :#{by} needs a Rails application: its secret #{NEEDED.fetch(by).last}. Without Rails leave out by:, make a " \
          "secret of your own, and let the await's method check it."
      end

      # @param klass [Class] one of its subclasses may have the await
      # @param await [Symbol]
      # @return [void]
      # @raise [DefinitionError] of what is no await of any of its workflows
      def known!(klass, await)
        raise DefinitionError, unknown(klass, await) unless known?(klass, await)
      end

      private
        # @return [Run, nil] as the log has it now
        def in_hand(subject, await)
          Execution.nested.each do |execution|
            next unless execution.about?(subject)
            run = Run.new(Workflow.engine.find(Renewal.renewed_by(execution.work) || execution.work.run_id))
            return run if !run.method_run? && run.step?(await)
          end
          nil
        end

        def newest(subject, await)
          definitions = Declarations.of(subject.klass).with_step(await)
          raise DefinitionError, unknown(subject.klass, await) if definitions.empty?
          runs = definitions.map { |definition| Run.current(subject, definition.name) }.select(&:id)
          runs.find { |run| !run.ended? } || runs.first or
            raise NotWaiting, "#{subject.klass}: no run with the await #{await} has started, so that there is nothing to send. Start it first."
        end

        def known?(klass, await)
          Declarations.of(klass).with_step(await).any? { |definition| definition.step(await).await? } || klass.subclasses.any? { |child| known?(child, await) }
        end

        def unknown(klass, await)
          awaits = Declarations.of(klass).workflows.values.flat_map { |definition| definition.steps.select(&:await?).map(&:name) }
          "#{klass} has no await #{await.inspect} in a workflow.#{Suggestion.for(await, awaits)}"
        end
    end

    # @return [Run]
    attr_reader :run
    # @return [Step]
    attr_reader :step
    # @return [StepDefinition, nil]
    attr_reader :declared

    # @api private
    def initialize(run, await)
      @run, @step, @declared = run, run.step(await), Proof.declared(run, await)
    end

    # @param by [Symbol]
    # @return [Proof] itself
    # @raise [DefinitionError] of an await that does not say so
    def by!(by)
      return self if declared&.by == by
      place = declared ? "#{declared.location}: #{declared}" : "#{run.subject.class}: #{step.name}"
      raise DefinitionError, "#{place} takes no #{NEEDED.fetch(by).first}. Write await #{step.name.inspect}, by: :#{by}."
    end

    # Has a new link or code sent by a worker, unless that was asked for a moment ago.
    # @return [Boolean]
    # @raise [DefinitionError] of an await without `renew:`
    # @raise [NotWaiting] when it is not awaited
    def renew
      raise DefinitionError, "#{declared&.location}: #{declared} does not say how to send a new one. Write renew: and the name of a method." unless declared&.renew
      raise NotWaiting, "#{step.name} is not awaited: it is #{step.state} (run #{run.id})." unless step.waiting? && !run.paused?
      raise NotWaiting, "#{step.name} is over since #{step.due_at}: a new one could not be used (run #{run.id})." if step.overdue?
      Renewal.new(run, step, declared).start
    end
  end
end
