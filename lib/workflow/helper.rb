# frozen_string_literal: true

module Workflow
  # View helpers: the present state of a run, kept true while the page is open, and its steps as a list.
  module Helper
    # The partial for the present state, in an element that follows the run. Looks for
    # `signups/workflow/_activate` (the step that is awaited or runs), `signups/workflow/_waiting` (the state), and
    # falls back to the gem's own. Partials get the subject under its model name, and `workflow`.
    # @param subject_or_run [Object, Run]
    # @return [ActiveSupport::SafeBuffer]
    # @example
    #   <%= workflow_for @signup %>
    def workflow_for(subject_or_run)
      run = workflow_run(subject_or_run)
      locals = { workflow_name(run.subject).to_sym => run.subject, workflow: run }
      tag.div(id: workflow_dom_id(run), class: "workflow", data: { state: run.state, version: run.version }) do
        safe_join([ workflow_stream_tag(run), render(partial: workflow_partial(run), locals: locals) ].compact, "\n")
      end
    end

    # The steps of a run and where each stands, as an ordered list.
    # @param subject_or_run [Object, Run]
    # @return [ActiveSupport::SafeBuffer]
    # @example
    #   <%= workflow_steps_tag @signup %>
    def workflow_steps_tag(subject_or_run)
      run = workflow_run(subject_or_run)
      tag.ol(class: "workflow-steps") { safe_join(run.steps.map { |step| workflow_step_tag(step) }) }
    end

    private
      def workflow_run(subject_or_run)
        subject_or_run.is_a?(Run) ? subject_or_run : Run.of(subject_or_run)
      end

      def workflow_name(subject)
        subject.class.respond_to?(:model_name) ? subject.class.model_name.element : subject.class.name.demodulize.underscore
      end

      def workflow_folder(subject)
        subject.class.respond_to?(:model_name) ? subject.class.model_name.collection : subject.class.name.underscore.pluralize
      end

      def workflow_dom_id(run)
        subject = run.subject
        id = subject.respond_to?(:to_key) ? subject.to_key&.join("_") : run.id
        [ "workflow", workflow_name(subject), id || "new" ].join("_")
      end

      def workflow_partial(run)
        folder = "#{workflow_folder(run.subject)}/workflow"
        name = [ (run.current_step&.name unless run.paused?), run.state ].compact.find { |candidate| lookup_context.exists?(candidate.to_s, [ folder ], true) }
        name ? "#{folder}/#{name}" : "workflow/state"
      end

      def workflow_stream_tag(run)
        return unless run.id
        tag.public_send(:"turbo-cable-stream-source", channel: "Workflow::StreamChannel",
          "signed-stream-name": StreamName.sign(run), data: { version: run.version })
      end

      def workflow_step_tag(step)
        text = [ step.state.to_s, ("attempt #{step.attempts}" if step.attempts > 1), step.error&.to_s || step.reason, step.by ]
        tag.li(class: "workflow-step #{step.state}", data: { step: step.name, state: step.state }) do
          safe_join([ tag.strong(step.name.to_s.humanize), tag.span(text.compact.join(" · ")) ], " ")
        end
      end
  end
end
