# frozen_string_literal: true

module Workflow
  class Run
    # Says so when work stands still because no worker is alive on this machine. Part of Run.
    module Attendance
      UNATTENDED = "no worker is running"
      # So long it may take until somebody has what is ready or due; a caller's own step is told as running before that.
      GRACE_MS = 1_000

      # Why the run, or a step of it, is as it is. What is ready or due for over a second, while no process that takes steps
      # is alive on this machine, says `"no worker is running"`.
      # @return [String, nil]
      # @example
      #   order.workflow.reason  # => "no worker is running": start one with bin/rails workflow:work
      def reason = snapshot[:reason] || (UNATTENDED if unattended?)

      private
        # The facts of a step, with that reason where it has none.
        def attended(facts)
          facts[:reason].nil? && unattended? && left_alone?(facts) ? facts.merge(reason: UNATTENDED) : facts
        end

        def unattended?
          @unattended = left_alone_at_all? && !Workflow.engine.attended? if @unattended.nil?
          @unattended
        end

        # One that runs may be a caller's, who has the others in hand too.
        def left_alone_at_all?
          return false unless %i[running retrying waiting scheduled].include?(snapshot[:state])
          snapshot[:steps].none? { |facts| facts[:state] == :running } && snapshot[:steps].any? { |facts| left_alone?(facts) }
        end

        def left_alone?(facts)
          since = facts[:state] == :ready ? facts[:scheduled_ms] : facts[:due_ms]
          !since.nil? && since < Workflow.engine.now_ms - GRACE_MS
        end
    end
  end
end
