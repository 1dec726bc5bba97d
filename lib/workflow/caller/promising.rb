# frozen_string_literal: true

module Workflow
  class Caller
    # Starts a run with a transaction of the application: the one that is open, or one of its own in which a new record is
    # saved, so that there is never the one without the other. Part of Caller.
    module Promising
      private
        # A key is taken in one place, whoever is in a transaction.
        # @return [Receipts, nil] nil: the run starts at once
        def promised_in(key)
          receipts = Receipts.at(klass)
          return unless receipts && (key || receipts.open? || subject.record? && object.new_record?)
          receipts.there? ? receipts : Receipts.warn_of_absence(klass)
        end

        # @param key [String, nil] what is started with it, is started once
        # @yieldreturn [Array<String>, nil] the tags of the saved object; nil: it is invalid
        # @return [Run, false]
        def promise(receipts, definition, key: nil, **facts, &saving)
          open = open_run(definition) if subject.identified?
          return open if open
          intent = Intent.start(subject.class_name, token: key)
          run = within_transaction(receipts, definition, intent, key, facts, &saving)
          @commitment&.keep unless receipts.open? # the end of the transaction may not have been heard of
          raise @fault if @raising && @fault
          run || false
        rescue Receipts::Taken => taken
          started_with(receipts, taken.row, definition)
        rescue Receipts::Unknown => error
          raise OutcomeUnknown, unheard_of(intent, error.cause)
        end

        # @return [Run, nil] nil: it is invalid, and nothing of it is there
        def within_transaction(receipts, definition, intent, key, facts)
          receipts.within(afresh: !key.nil?, witness: intent.token) do
            receipts.claim(intent.key_token, intent.run_id) if key
            tags = yield or raise ::ActiveRecord::Rollback
            promise_run(receipts, definition, intent.about(subject, definition, tags: tags, **facts))
          end
        end

        def unheard_of(intent, error)
          "Whether the #{klass} was saved and run #{intent.run_id} starts is not known: the database could not be reached as the transaction committed " \
            "(#{error&.message.to_s.lines.first&.chomp}). If it was, the run starts by itself, within half a minute or by bin/workflow settle (rake " \
            "workflow:settle). Look for it with #{klass}.workflows then, or start with a key:, which can be repeated."
        end

        # By another, whose transaction has committed; it may not have told the log yet.
        def started_with(receipts, row, definition)
          snapshot = Workflow.engine.find(row.run_id)
          left = receipts.find(Intent.token_of_start(row.run_id)) unless snapshot
          Run.new(snapshot || (left && Intent.of(left).snapshot(definition)), id: row.run_id, existing: true)
        end

        # Not one that is cancelled by the same transaction.
        def open_run(definition)
          snapshot = Workflow.engine.current(subject.key(definition.name)) if definition.unique?
          return if snapshot.nil? || Run::ENDED.include?(snapshot[:state]) || Commitment.to_cancel?(snapshot[:id])
          Run.new(snapshot, subject: object, existing: true)
        end

        def promise_run(receipts, definition, intent)
          run = Run.new(intent.snapshot(definition), subject: object)
          LoadedRuns.give(subject, definition.name, run)
          @commitment = Commitment.make(receipts, intent, run) { |tell| begin_promised(run, intent, tell) }
          run
        end

        # Committed: the leading `now` steps run here.
        def begin_promised(run, intent, tell)
          LoadedRuns.drop(object)
          Inline.of(object) do |inline|
            _, snapshot, events, row = tell.call(inline.hand)
            run.become(inline.go_on(snapshot, events, row, existing: snapshot[:id] != intent.run_id))
            @fault = inline.error
          end
        end
    end
  end
end
