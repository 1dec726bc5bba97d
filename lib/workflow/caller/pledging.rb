# frozen_string_literal: true

module Workflow
  class Caller
    # Submits with a transaction of the application: of its own, in which the await's method and a receipt commit together,
    # or the one that is open, so that the input counts if and only if that commits. The claim on the await is pledged
    # meanwhile: whatever dies, nobody acts on the await before it is known whether there is a receipt. Part of Caller.
    module Pledging
      private
        # @return [Receipts, nil] nil: the method runs without
        def pledged_in(run, name)
          receipts = Receipts.in_transaction(klass)
          return receipts if receipts
          step = declarations.workflow(run.name)&.step(name)
          return unless step&.commits?(klass) && (step.transaction? || OwnMethods.for_input?(object, step.name))
          Receipts.of(klass) or step.transaction? && raise(ReceiptsMissing, "#{klass}: #{step} says transaction: true, and #{Receipts.absence(klass)}")
        end

        # @return [Submission]
        def pledge(receipts, run, step, input, bytes)
          pledge = Pledge.new(Inline.new(object), receipts, run.id, run.pinned_name(step).to_s, bytes)
          status, snapshot = pledge.claim(Submitting::TURN_MS)
          run = Run.new(snapshot, subject: object) if snapshot && status != :claimed
          return keep_at_commit(receipts, run, step, input, bytes) if status == :not_waiting && early?(run, step)
          return refused(run, step, status) unless status == :claimed && round?(pledge.round)
          refusal = unproved(pledge.inline, Run.new(snapshot, subject: object), step) and return refusal
          execution = pledge.execution(snapshot, object, input)
          pledge.commit(execution) ? accept_pledged(pledge, execution, run, step) : judge_failed(pledge.inline, execution, step)
        ensure
          pledge&.release
        end

        # Before its turn, in an open transaction: it is in the log once that has committed.
        def keep_at_commit(receipts, run, step, input, bytes)
          return keep(run, step, input, bytes) unless receipts.open?
          intent = Intent.submit(run.id, subject, step, bytes)
          Commitment.make(receipts, intent) { |tell| tell.call { intent.deliver(object) } }
          Submission.new(run, Messages.none(object), accepted: true, kept: true)
        end

        # In an open transaction its acceptance counts at commit, and what follows runs here then.
        def accept_pledged(pledge, execution, run, step)
          return pledge.tell { accept(pledge.inline, execution, step, pledge.bytes) } unless pledge.promised?
          pledge.at_commit { accept(pledge.inline, execution, step, pledge.bytes) }
          Submission.new(run, Messages.none(object), accepted: true)
        end
    end
  end
end
