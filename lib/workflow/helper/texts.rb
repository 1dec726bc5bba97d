# frozen_string_literal: true

module Workflow
  module Helper
    # What the gem's own partials say. Part of Helper.
    module Texts
      # Each can be said otherwise, and in other languages, as `workflow.states.<name>` of the application's locales.
      STATES = {
        none: "Not started.", scheduled: "Scheduled. Next: %{step}.", running: "Working on it: %{step}.", waiting: "Waiting for: %{step}.",
        retrying: "This did not work yet: %{step}. We will try again.", paused: "On hold.", undoing: "Being undone.",
        failed: "Something went wrong: %{step}.", done: "Done.", expired: "This has expired.", cancelled: "Cancelled."
      }.freeze

      # What a run is at, in a sentence. Names of steps are `workflow.steps.<name>` of the locales, or as they are declared.
      # @param run [Run]
      # @return [String]
      # @example
      #   <%= workflow_state_text workflow %>  <%# Working on it: send link. %>
      def workflow_state_text(run)
        step = workflow_shown_step(run)
        t("workflow.states.#{run.state}", step: step ? workflow_step_text(step) : "", default: STATES.fetch(run.state))
      end

      # @param step [Step]
      # @return [String] "send link"
      def workflow_step_text(step)
        t("workflow.steps.#{step.name}", default: step.name.to_s.humanize(capitalize: false))
      end

      # Where a step stands. The state is `workflow.step_states.<state>` of the locales, or its name.
      # @param step [Step]
      # @return [String] "retrying · attempt 2"
      def workflow_step_state_text(step)
        state = t("workflow.step_states.#{step.state}", default: step.state.to_s)
        step.attempts > 1 ? "#{state} · #{t("workflow.attempt", number: step.attempts, default: "attempt %{number}")}" : state
      end

      # Why a run is on hold or cancelled, in the words of whoever did that. What the gem itself says of a failure or of code
      # that does not fit is `run.reason`, and not for visitors.
      # @param run [Run]
      # @return [String, nil]
      # @example
      #   <%= workflow_reason_text workflow %>  <%# the warehouse is closed %>
      def workflow_reason_text(run) = (run.reason unless run.failed? || Gap.reason?(run.reason))

      private
        # The step that the state is about.
        def workflow_shown_step(run)
          run.steps.find { |step| step.state == run.state } || run.current_step
        end
    end
  end
end
