# frozen_string_literal: true

module Workflow
  class Caller
    # Moves one pending step of a run: takes it from the workers and runs it here, or hands it to them. Part of Caller.
    module Stepping
      private
        def step_now(name)
          run = run_for(name)
          return not_pending(run, name) unless run.id
          refuse_within_transaction(name)
          Inline.of(object) do |inline|
            status, snapshot, row = inline.hand.now(run.id, run.pinned_name(name).to_s, Role.by)
            next not_pending(changed(run, snapshot), name) unless %i[claimed busy].include?(status)
            run = inline.go_on(snapshot || run.snapshot, [], row)
            raise inline.error if @raising && inline.error
            run
          end
        end

        # Its end would be in the log though the transaction that is open may be rolled back.
        def refuse_within_transaction(name, definitions = declarations.with_step(name))
          return unless definitions.any? { |definition| definition.step(name)&.transaction? } && Receipts.in_transaction(klass)
          raise Error, "#{klass}: the step #{name} commits a transaction of its own (transaction: true), and cannot be part of the one that is " \
            "open. Call now(#{name.inspect}) after it."
        end

        def step_later(name)
          run = run_for(name)
          return not_pending(run, name) unless run.id
          status, snapshot = Workflow.engine.later(run.id, run.pinned_name(name).to_s)
          %i[ok busy].include?(status) ? changed(run, snapshot) : not_pending(changed(run, snapshot), name)
        end

        def changed(run, snapshot) = snapshot ? Run.new(snapshot, subject: object) : run

        def not_pending(run, name)
          raise NotPending, not_yet(run, name) if run.id && !run.paused? && run.step?(name) && run.step(name).pending?
          raise NotPending, "#{klass}: the step #{name} is not pending: #{standing(run, name)}#{" (run #{run.id})" if run.id}." \
            "#{" Give it its input with submit." if run.id && run.step?(name) && run.waiting_for?(name)}"
        end

        def not_yet(run, name)
          due_at, before = run.step(name).due_at, open_before(run, name)
          return "#{klass}: the turn of the step #{name} comes at #{due_at} (run #{run.id})." if due_at
          "#{klass}: the turn of the step #{name} has not come#{": it comes after #{before.join(", and ")}" if before.any?} (run #{run.id})."
        end

        # The steps that are to end before it, as the present code has them, and how they stand.
        def open_before(run, name)
          follows = declarations.workflow(run.name)&.step(name)&.follows || []
          follows.select { |before| run.step?(before) }.map { |before| run.step(before) }
            .reject { |step| step.completed? || step.skipped? }.map { |step| "#{step.name}, which is #{step.state}" }
        end
    end
  end
end
