# frozen_string_literal: true

module Workflow
  class Execution
    # `transaction: true`: what the method changes in the application's database and a receipt commit together, so that it
    # is changed once, whoever else tries: who finds a receipt takes its word for it. Part of Execution.
    module Committing
      private
        # Also where an input that came early is judged; what is being submitted is Pledge's.
        def commits?
          return step.transaction? if work.mode == :step
          work.judge? && step.commits?(object.class) && (step.transaction? || !Receipts.of(object.class).nil?)
        end

        # Runs the method in a transaction of its own.
        # @yield the method
        def commit(&method)
          rejection, receipts = nil, receipts!
          halt(:joined) if receipts.open?
          found = receipts.once(tokens, work.run_id) do
            rejection = rejected_by(&method)
            raise ::ActiveRecord::Rollback if rejection
            @result
          end
          throw self, rejection.first if rejection
          believe(found) if found
        rescue Receipts::Unknown => error
          Report.error(error.cause, handled: true, context: Instrumentation.of_work(work))
          halt(:unknown)
        end

        # A transaction that is left by a throw would commit.
        # @return [Array(String), nil] what `reject` was given
        def rejected_by
          message = catch(self) { yield; return }
          [ message ]
        end

        # @param found [Receipts::Row]
        def believe(found)
          halt(:lost) unless found.done?
          @result = found.payload
          @value = Serializer.open(found.payload).first if found.payload
        end

        def receipts!
          Receipts.of(object.class) or
            raise ReceiptsMissing, "#{work} says transaction: true, and #{Receipts.absence(object.class)}"
        end

        # Of this round first; then of those since it was completed last. A transaction of one of these may have committed all
        # the same; if it has not, it is not to any more.
        def tokens
          return [ "judge/#{work.run_id}/#{work.step}/#{work.round}/#{work.kept_version}" ] if work.judge?
          [ work.round, *unfinished_rounds ].map { |round| token(round) }
        end

        def token(round = work.round) = "step/#{work.run_id}/#{work.step}/#{round}"

        def unfinished_rounds
          return [] if work.round == 1
          completed = run.events.select { |event| event.step.to_s == work.step && event.kind == :step_completed }.map(&:round).max || 0
          (completed + 1...work.round).to_a
        end

        # The step is done if it destroyed its own record, and was not heard of again. The run is cancelled if it is to be, and
        # nobody has told the log of that yet.
        # @param error [SubjectMissing]
        def missing(error)
          klass = Declarations.class_of(work.class_name)
          receipt = receipt_for(klass) if klass && work.mode == :step
          if receipt&.done?
            @result, @blueprint = receipt.payload, @definition.blueprint(klass)
          elsif klass && Subject.record?(klass) && Destruction.promised?(klass, Workflow.engine.find(work.run_id))
            @over = Over.new(Destruction::REASON)
          else
            @error = error
          end
        rescue *failures => unknown
          @error = unknown
        end

        # @return [Receipts::Row, nil]
        def receipt_for(klass)
          @definition = Declarations.of(klass).workflow(work.name)
          Receipts.of(klass)&.find(token) if step&.transaction?
        end
    end
  end
end
