# frozen_string_literal: true

module Workflow
  class Run
    # How a person stops a run, holds it up, lets it go on, or passes over one of its steps. Part of Run.
    # Each stops what nobody has begun yet; what somebody has in hand ends as usual, and its result is recorded.
    module Halting
      # WF_SUBJECT_LEN_MAX of the core.
      REASON_LEN_MAX = 65_536

      # Ends the run: what nobody holds is cancelled at once, and the run when nobody holds a step of it any more.
      # Until then its state is :running, and {#cancelling?} is true. What is cancelled, or being cancelled, stays so.
      # In a transaction of the application it counts when that commits, and not at all if it does not.
      # @param reason [String, nil] for the log and the page, of at most 65,536 bytes
      # @return [Run] itself
      # @raise [NotPending] when it is over otherwise: done or expired
      # @raise [PayloadTooLarge] of a longer reason, also in a transaction
      # @example
      #   order.workflow.cancel(reason: "the customer called")
      def cancel(reason: nil)
        reason = kept_reason(reason)
        klass = subject_class if id
        receipts = Receipts.in_transaction(klass) if klass
        return cancel_at_commit(receipts, reason) if receipts
        halted(:cancel, Workflow.engine.cancel(running_id(:cancel), nil, reason, Role.by))
      end

      # Holds the run up: nothing begins, no timer fires and no input is taken until {#resume}. Paused twice is paused.
      # @param reason [String, nil] for the log and the page, of at most 65,536 bytes
      # @return [Run] itself
      # @raise [NotPending] when it is over, or is being cancelled
      # @raise [PayloadTooLarge] of a longer reason
      # @example
      #   order.workflow.pause(reason: "the warehouse is closed")
      def pause(reason: nil)
        halted(:pause, Workflow.engine.pause(running_id(:pause), kept_reason(reason), Role.by))
      end

      # Lets a paused run go on, by the workers and with the code of today; what was due meanwhile happens now, once.
      # @return [Run] itself
      # @raise [NotPending] when it is not paused
      # @example
      #   order.workflow.resume if order.workflow.paused?
      def resume
        halted(:resume, Workflow.engine.resume(running_id(:resume), present_blueprint, Role.by))
      end

      # Passes over a step: it counts as settled, and what comes after it goes on. Also one that failed, one that is
      # awaited, and one whose turn has not come.
      # @param name [Symbol] the step, under its present name or one that it had in earlier code
      # @param reason [String, nil] of at most 65,536 bytes; "skipped by web:4711@host" when nothing is said
      # @return [Run] itself
      # @raise [NotPending] when the step or the run is over, or somebody has the step in hand
      # @raise [ArgumentError] of a name that the run has no step of
      # @raise [PayloadTooLarge] of a longer reason
      # @example
      #   order.workflow.skip(:ask_for_review, reason: "a test order")
      def skip(name, reason: nil)
        name = Names.read("skip", name, "a step")
        id = running_id(:skip)
        step(name)
        reason = kept_reason(reason) || "skipped by #{Role.by}"
        halted(:skip, Workflow.engine.skip(id, pinned_name(name).to_s, present_blueprint, reason, Role.by), name)
      end

      # @return [Boolean] whether it was asked to end, and somebody still has a step of it in hand
      # @example
      #   order.workflow.cancel.cancelling?  # => true, while charge runs
      def cancelling? = snapshot[:cancelling] ? true : false

      private
        def running_id(verb)
          raise NotPending, "#{about}: there is no run to #{verb}. Start one." unless id
          raise NotPending, "#{about}: there is nothing to #{verb} yet. The run starts when its transaction commits (run #{id})." if promised?
          id
        end

        # As the log, and the application's database, take it. Bytes that are no text do not keep anybody from stopping a run.
        def kept_reason(reason)
          return if reason.nil?
          text = utf8(reason.to_s)
          return text if text.bytesize <= REASON_LEN_MAX
          raise PayloadTooLarge, "The reason takes #{text.bytesize} bytes: at most #{REASON_LEN_MAX} are kept (run #{id || "none"}). Say it more briefly."
        end

        def utf8(text)
          return text.dup.force_encoding(Encoding::UTF_8).scrub if [ Encoding::BINARY, Encoding::UTF_8 ].include?(text.encoding)
          text.encode(Encoding::UTF_8, invalid: :replace, undef: :replace)
        end

        def cancel_at_commit(receipts, reason)
          reload
          raise NotPending, "#{snapshot[:key]}: cannot cancel: it is #{state} (run #{id})." if ended? && !cancelled?
          Commitment.cancel(receipts, Intent.cancel(id, reason), self) do |tell|
            _, snapshot, events = tell.call
            replace(snapshot) if snapshot
            Instrumentation.publish_all(events, self)
          end
          self
        end

        def halted(verb, answer, name = nil)
          status, snapshot, events = answer
          replace(snapshot) if snapshot
          raise RunMissing, gone unless snapshot
          Instrumentation.publish_all(events, self)
          raise NotPending, "#{snapshot[:key]}: cannot #{verb}#{" #{name}" if name}: #{hindrance(status, name)} (run #{id})." unless status == :ok
          self
        end

        def hindrance(status, name)
          return "it is being cancelled" if cancelling?
          return "it is #{state}" if name.nil? || ended?
          return "the step is #{step(name).state}" unless status == :busy
          "#{step(name).by || "somebody"} has the step in hand. Wait for its end"
        end

        # What the present code says, also of a run whose record is gone.
        def present_blueprint
          blueprint
        rescue SubjectMissing, KeyMissing
          klass = Object.const_get(snapshot[:class_name])
          declarations = Declarations.of(klass)
          (method_run? ? declarations.of_method(name.to_s.delete_prefix(".")) : declarations.workflow!(name)).blueprint(klass)
        end
    end
  end
end
