# frozen_string_literal: true

module Workflow
  module Helper
    # What the gem's own partials say. Part of Helper.
    module Texts
      # Each can be said otherwise, and in other languages, as `workflow.states.<name>` of the application's locales.
      STATES = {
        none: "Not started.", scheduled: "Scheduled. Next: %{step}.", running: "Working on it: %{step}.", waiting: "Waiting for: %{step}.",
        retrying: "That did not work yet: %{step}. It is tried again.", paused: "On hold.", undoing: "Being taken back.",
        failed: "Something went wrong: %{step}.", done: "Done.", expired: "The time for this is over.", cancelled: "Cancelled."
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

      private
        # The step that the state is about.
        def workflow_shown_step(run)
          run.steps.find { |step| step.state == run.state } || run.current_step
        end
    end
  end
end
