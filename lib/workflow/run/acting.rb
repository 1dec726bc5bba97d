# frozen_string_literal: true

module Workflow
  class Run
    # What can be asked of a run: the words of its object, and retry. Part of Run.
    module Acting
      # Runs what failed again, by the workers, with new attempts; or a step and what follows it.
      # @param from [Symbol, nil] the step; nil: whatever failed
      # @return [Run] itself
      # @raise [NotPending] when there is nothing to retry, or the subject has another run that is open by now
      # @example
      #   order.workflow.retry if order.workflow.failed?
      def retry(from: nil)
        from = Names.read_any("retry(from:)", from, "a step")
        raise NotPending, "#{about}: there is no run to retry. Start one." unless id
        step(from) if from
        status, snapshot, events = Workflow.engine.retry(id, blueprint, from && pinned_name(from).to_s, Role.by)
        replace(snapshot) if snapshot
        Instrumentation.publish_all(events, self)
        refuse_second if status == :busy
        refuse_retry(from) unless status == :ok
        self
      end

      # {Words#now} on this run.
      def now(...) = Caller.new(subject, run: self).now(...)

      # {Words#now!} on this run.
      # @example
      #   order.workflow.now!(:charge)
      def now!(...) = Caller.new(subject, raising: true, run: self).now(...)

      # {Words#later} on this run.
      def later(...) = Caller.new(subject, run: self).later(...)

      # {Words#submit} on this run.
      def submit(...) = Caller.new(subject, run: self).submit(...)

      # {Words#submit!} on this run.
      # @example
      #   signup.workflow.submit!(:activate, code: "1234")
      def submit!(...) = Caller.new(subject, raising: true, run: self).submit(...)

      # Has a new link or code sent for an await with `by:`, by the method that its `renew:` names, as a run of its own.
      # @param name [Symbol] the await
      # @return [Boolean] false: one was sent less than a minute ago, or ten in this round
      # @raise [NotWaiting] when it is not awaited
      # @raise [DefinitionError] of an await without `renew:`
      # @example
      #   signup.workflow.renew(:activate)  # => true
      def renew(name) = Proof.of(reload, name, "renew").renew

      # {Words#start} of the same workflow.
      def start(**options) = Caller.new(subject).start(own_workflow, **options)

      # {Words#start!} of the same workflow.
      # @example
      #   order.workflow(:fulfilment).start!
      def start!(**options) = Caller.new(subject, raising: true).start(own_workflow, **options)

      # {Words#workflow} of its object: read anew, which may be a later run than this one.
      # @example
      #   run.workflow(:fulfilment).state
      def workflow(...) = Run.of(subject, ...)

      # {Words#workflows} of its object.
      # @example
      #   run.workflows.failed.count
      def workflows = Runs.of(subject)

      # {InnerWords#reject}, for objects that have a method of that name.
      def reject(message) = Execution.reject(message)

      # {InnerWords#progress}
      def progress(...) = Execution.inside("progress").progress(...)

      # {InnerWords#note}
      def note(...) = Execution.inside("note").note(...)

      # {InnerWords#checkpoint}
      def checkpoint = Execution.inside("checkpoint").checkpoint

      private
        # @return [Symbol, nil] nil: the object's only one
        def own_workflow = (name unless method_run?)

        def refuse_second
          unless ended? # an open run is in nobody's way but its own
            raise NotPending, "#{snapshot[:key]}: an input is being submitted, or it is looked up whether one was accepted. Try again when that is over (run #{id})."
          end
          open = Run.current(Subject.of(subject), name)
          raise NotPending, "#{snapshot[:key]} has another run that is open, #{open.id} (#{open.state}), and run #{id} is over. " \
            "Go on with that one, or cancel it first: Workflow::Run.find(#{open.id.inspect}).cancel."
        end

        def refuse_retry(from)
          raise NotPending, "#{snapshot[:key]} is being cancelled: there is nothing to retry yet (run #{id})." if cancelling?
          raise NotPending, "#{snapshot[:key]} is paused. Resume it first (run #{id})." if paused?
          what = from ? "the step #{from} of #{snapshot[:key]} is #{step(from).state}" : "#{snapshot[:key]} is #{state}"
          raise NotPending, "There is nothing to retry: #{what} (run #{id})."
        end
    end
  end
end
