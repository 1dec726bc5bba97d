# frozen_string_literal: true

module Workflow
  # The public words that `include Workflow` adds to an object. Each steps aside for an attribute, association, enum
  # or method of its name, wherever that is defined; all of them answer on `object.workflow` too.
  # They take any arguments, to hand on what they got; what they mean is checked behind them. No constants here: they
  # would be found before the application's own.
  module Words
    # Saves a new record and starts its workflow; the leading `now` steps run here, on this object.
    # @overload start(name = nil, place: nil, key: nil, tags: {})
    # @param name [Symbol, nil] which workflow, when the class has several
    # @param place [:now, :later, nil] moves all steps: `:later` hands even the leading ones to a worker
    # @param key [String, Symbol, Integer, nil] of a new object: what is started with it is started once for its class, whoever sends it and however
    #   often; who comes second is given the first run, `existing?`. At most 200 bytes
    # @param tags [Hash] over the workflow's own: at most 20 names and values, which are kept as strings of at most 200
    #   bytes; a nil leaves one out
    # @return [Run, false] the run, the open one with `existing?` if there is one; false if the record is invalid
    # @example
    #   order.start(:fulfilment).state  # => :waiting
    def start(...) = defined?(super) ? super : Workflow::Caller.new(self).start(...)

    # {#start} that raises.
    # @overload start!(name = nil, place: nil, key: nil, tags: {})
    # @return [Run]
    # @raise [ActiveRecord::RecordInvalid, Rejected, StandardError] what kept it from being saved, or a step's own error
    # @example
    #   order.start!
    def start!(...) = defined?(super) ? super : Workflow::Caller.new(self, raising: true).start(...)

    # Gives an awaited step its input: runs its method with the input as keywords, then the `now` steps that follow.
    # @overload submit(step, given = nil, **input)
    # @param step [Symbol] the name of the await
    # @param given [Hash, ActionController::Parameters, nil] the input, where it does not come as keywords: `params[:input]` as it is, of which the
    #   await's `fields:` are taken
    # @return [Submission] `accepted?`, `kept?` (it came before its turn), `errors`, `run`
    # @raise [ArgumentError] of what the await's method cannot be called with
    # @raise [BadInput, PayloadTooLarge] of what the log cannot take, without `fields:`
    # @raise [StandardError] any error of the method but a rejection or a validation error
    # @example
    #   signup.submit(:activate, code: params[:code]).accepted?
    def submit(...) = defined?(super) ? super : Workflow::Caller.new(self).submit(...)

    # {#submit} that raises.
    # @overload submit!(step, given = nil, **input)
    # @return [Submission]
    # @raise [Rejected, NotWaiting, StandardError] why it was not accepted, or a following step's own error
    # @example
    #   signup.submit!(:activate, code: "1234")
    def submit!(...) = defined?(super) ? super : Workflow::Caller.new(self, raising: true).submit(...)

    # Runs a pending step of the run here; or a method that is no step, under the log.
    # @overload now(name, *arguments, **keywords)
    # @param name [Symbol] a step or a public method
    # @return [Run, Object] the run of a step; the value of a method
    # @raise [NotPending] when the step's turn has not come, or it is awaited or over. One that somebody else is
    #   running stays theirs: the run comes back unchanged
    # @example
    #   order.now(:charge)          # takes the step from the workers
    #   index.now(:call, "books")   # a method, recorded
    def now(...) = defined?(super) ? super : Workflow::Caller.new(self).now(...)

    # {#now} that raises a step's own error.
    # @overload now!(name, *arguments, **keywords)
    # @return [Run, Object]
    # @raise [NotPending, StandardError]
    # @example
    #   order.now!(:charge)
    def now!(...) = defined?(super) ? super : Workflow::Caller.new(self, raising: true).now(...)

    # Hands a pending step, or any public method, to the workers. Without a name: a decorator of which each method
    # is queued.
    # @overload later(name = nil, *arguments, with: {}, **options)
    # @param with [Hash] the keywords of the method
    # @param options [Hash] of a method's run: `retries:`, `backoff:` (seconds), `retry_on:`, `give_up_on:`, `timeout:`
    #   (seconds), `once:`, `transaction:`, `result:`, `unique:`
    # @return [Run, Decorator]
    # @raise [NotPending, NotSerializable, ArgumentError]
    # @example
    #   index.later(:call, "books", with: { force: true }, retries: 3)
    #   index.later.call("books")
    def later(...) = defined?(super) ? super : Workflow::Caller.new(self).later(...)

    # The current or last run; never nil: its state is :none when nothing ran yet. Inside a step, the run of it.
    # @overload workflow(name = nil)
    # @param name [Symbol, nil] a workflow, or a method that is no step
    # @return [Run]
    # @example
    #   order.workflow.state        # => :running
    #   index.workflow(:call).done?
    def workflow(...) = defined?(super) ? super : Workflow::Run.of(self, ...)

    # All runs of this object, newest first, those of single methods included.
    # @return [Runs]
    # @example
    #   order.workflows.failed.each { |run| run.retry }
    def workflows = defined?(super) ? super : Workflow::Runs.of(self)
  end
end
