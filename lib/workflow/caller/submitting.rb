# frozen_string_literal: true

module Workflow
  class Caller
    # Submits an input to an await: reads it as the await's fields say, claims the await, has its method judge, records
    # the verdict; or keeps it until the turn of an await that takes inputs early. Part of Caller.
    module Submitting
      # How long to wait for the verdict on another's submission.
      TURN_MS = 10_000

      # @param given [Hash, ActionController::Parameters, nil] the input, where it does not come as keywords
      # @return [Submission]
      def submit(step, given = nil, **input)
        step = Names.read("submit", step, "an await")
        follow_link(step) unless @run
        run = run_for(step)
        Messages.clear(object)
        return refused(run, step) unless run.id
        input, bytes, errors = read(run, step, Input.read(step, given, input, names_of(run, step)))
        errors ? unfit(run, step, errors) : claim(run, step, input, bytes)
      end

      private
        def follow_link(step)
          lead = Link::Lead.of(object, step) or return
          @run, @round = lead.run, lead.round
        end

        # Before anything is claimed: an input that does not fit leaves no trace.
        # @return [Array(Hash, String, Hash)] the cast input, its bytes, and what is wrong with it, if anything is
        def read(run, step, input)
          input, unfit = take_code(input) if by_code?(run, step)
          fields = fields_of(run, step)
          input, errors = fields.read(input) if fields
          Input.check(object, step, input) if !fields && judged?(run, step)
          errors = (errors || {}).merge(unfit) if unfit
          return [ nil, nil, errors ] if errors&.any?
          [ input, (Serializer.dump([ input ], "the input of #{step}") if input.any?), nil ]
        rescue PayloadTooLarge
          raise unless fields
          [ nil, nil, { base: [ Wording.of(:too_large, step: Wording.step(step)) ] } ]
        rescue NotSerializable => error
          raise BadInput, error.message
        end

        # What it takes of what comes with a request; nil: anything goes.
        def names_of(run, step)
          fields = fields_of(run, step)&.names
          by_code?(run, step) ? [ :code, *fields ] : fields
        end

        # What the present code says of the input; nil: anything goes.
        def fields_of(run, step) = declarations.workflow(run.name)&.step(step)&.fields

        # Whether its method is to be called with it, as far as the run is known.
        def judged?(run, step) = !run.paused? && (run.step?(step) && run.waiting_for?(step) || early?(run, step))

        def unfit(run, step, errors)
          run.reload if run.equal?(@run) # a copy of who knows when
          judged?(run, step) ? verdict(run, errors, Rejected) : refused(run, step)
        end

        def claim(run, step, input, bytes)
          receipts = pledged_in(run, step)
          return pledge(receipts, run, step, input, bytes) if receipts
          Inline.of(object) do |inline|
            pinned = run.pinned_name(step).to_s
            status, snapshot, round, fence = inline.hand.submit(run.id, pinned, Role.by, TURN_MS)
            run = Run.new(snapshot, subject: object) if snapshot && status != :claimed
            next keep(run, step, input, bytes) if status == :not_waiting && early?(run, step)
            next refused(run, step, status) unless status == :claimed && round?(round)
            refusal = unproved(inline, Run.new(snapshot, subject: object), step) and next refusal
            work = Work.new(snapshot[:id], snapshot[:class_name], snapshot[:name].to_s, snapshot[:subject], pinned, pinned, nil, round, fence)
            judge(inline, Execution.new(inline.hand, work, object, input: input), step, bytes)
          end
        end

        # Whether what was claimed is the round that the input is for.
        def round?(round) = @round.nil? || @round == round

        # Whether the input comes before the await's turn, and is kept until then.
        def early?(run, name)
          return false unless declarations.workflow(run.name)&.step(name)&.early?
          run.step?(name) && run.step(name).ahead?
        end

        # A second one takes the place of the first. Where the turn has come meanwhile, it is judged like any other.
        def keep(run, step, input, bytes)
          blueprint = declarations.workflow!(run.name).blueprint(klass)
          status, snapshot, events = Workflow.engine.keep(run.id, run.pinned_name(step).to_s, blueprint, bytes, Role.by)
          run = Run.new(snapshot, subject: object) if snapshot
          return claim(run, step, input, bytes) if status == :busy || (status == :not_waiting && run.waiting_for?(step))
          return refused(run, step) unless status == :ok
          Instrumentation.publish_all(events, run)
          Submission.new(run, Messages.none(object), accepted: true, kept: true)
        end

        def judge(inline, execution, step, bytes)
          execution.attempt
          execution.well? ? accept(inline, execution, step, bytes) : judge_failed(inline, execution, step)
        end

        def judge_failed(inline, execution, step)
          failed = execution.error
          raise failed || Interrupted.new("#{execution.work} was given back: what it waited for was interrupted.") unless inline.hand.held?
          return vanished(inline, execution) if execution.vanished?
          return over(inline, execution, step) if execution.over
          reject(inline, execution)
        end

        # The present code has no such await: that pauses the run, and nobody judges the input.
        def vanished(inline, execution)
          snapshot, events, = execution.pause(true)
          verdict(inline.go_on(snapshot, events, nil), execution.error.message, NotWaiting)
        end

        # The workflow's `while:` is not met any more: that ends the run, and nobody judges the input.
        def over(inline, execution, step)
          snapshot, events, = execution.stop(true)
          refused(inline.go_on(snapshot, events, nil), step)
        end

        def accept(inline, execution, step, bytes)
          snapshot, events, row = inline.hand.accept(execution.blueprint, bytes)
          run = inline.go_on(snapshot, events, row)
          return refused(run, step) unless events.any? { |event| event[3] == :input_accepted }
          raise inline.error if @raising && inline.error
          Submission.new(run, Messages.none(object), accepted: true)
        end

        def reject(inline, execution)
          said = Verdict.new(execution)
          snapshot, events, = inline.hand.reject(said.error_class, said.text, nil, true, said.where)
          run = inline.go_on(snapshot, events, nil)
          raise execution.error if said.fault?
          verdict(run, said.reasons, Rejected)
        end

        def refused(run, step, status = nil) = verdict(run, not_waiting(run, step, status), NotWaiting)

        def verdict(run, reasons, error)
          errors = Messages.for(object, reasons.is_a?(Wording) ? reasons.to_s : reasons)
          return Submission.new(run, errors, accepted: false) unless @raising
          message = reasons.is_a?(Wording) ? reasons.english : Messages.text(reasons.is_a?(Hash) ? errors : reasons)
          raise error == Rejected ? Rejected.new(message, errors: errors) : error.new("#{message} (#{subject.class_name}, run #{run.id || "none"})")
        end

        # @return [Wording]
        def not_waiting(run, name, status)
          said = ->(error, **values) { Wording.error(error, step: Wording.step(name), **values) }
          return said.(:submitted_elsewhere) if %i[busy doubtful].include?(status)
          return said.(:not_started) unless run.id
          return said.(:asked_again) if status == :claimed
          step = run.step(name) if run.step?(name)
          return said.(:already_done) if step&.completed?
          return said.(:not_awaited, state: end_of(run)) if run.paused? || run.cancelling?
          return said.(:too_late, at: step.due_at) if step&.waiting? && step.due_at
          run.waiting_for ? said.(:waits_for, awaited: Wording.step(run.waiting_for)) : said.(:not_awaited, state: end_of(run))
        end

        def end_of(run)
          state = Wording.state(run.cancelling? ? :being_cancelled : run.state)
          return state unless run.reason && (run.cancelled? || run.paused? || run.cancelling?)
          Wording.error(:because, state: state, reason: run.reason.delete_suffix("."))
        end
    end
  end
end
