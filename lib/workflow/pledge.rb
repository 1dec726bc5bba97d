# frozen_string_literal: true

require "set"

module Workflow
  # A claim on an await that counts if and only if a transaction of the application commits: a receipt with the input is
  # the first thing in that transaction. Until the log has been told, the claim does not lapse; if its holder dies or does not
  # know, it is in doubt, and whoever looks (Recovery, another submit) finds the receipt, or makes sure that it can never be.
  class Pledge
    @open = Set.new.compare_by_identity
    @lock = Mutex.new

    class << self
      # @return [String] what the receipt of a claim is found by
      def token(run_id, step, round, fence) = "submit/#{run_id}/#{step}/#{round}/#{fence}"

      # Settles a claim that is in doubt.
      # @param doubt [Array] as the engine gives it
      # @return [Symbol] :ok, or :stale: somebody else has
      # @raise [ActiveRecord::ActiveRecordError] when the database does not say, or a transaction that may decide it is open yet
      # @raise [DefinitionError, StoreError]
      def settle(doubt)
        run_id, class_name, name, _, step, round, fence = doubt
        klass = Declarations.class_of(class_name) or raise DefinitionError, "Run #{run_id} is of the class #{class_name}, which this process does not know."
        receipts = Receipts.of(klass) or raise ReceiptsMissing, "Whether the input of #{step} was accepted (run #{run_id}) cannot be found out: #{Receipts.absence(klass)}"
        row = receipts.find_or_void(token(run_id, step, round, fence), run_id)
        blueprint = Declarations.of(klass).workflow!(name.to_sym).blueprint(klass)
        status, snapshot, events = Workflow.engine.settle(run_id, step, round, fence, blueprint, row&.done? || false, row&.payload, Role.by)
        Instrumentation.publish_all(events, Run.new(snapshot)) if status == :ok
        status
      end

      # Gives up what was promised in a transaction that is over without a word: whether it has committed is not known.
      # @return [void]
      def sweep = @lock.synchronize { @open.to_a }.each(&:forsake)

      # @api private
      def add(pledge) = @lock.synchronize { @open.add(pledge) }

      # @api private
      def remove(pledge) = @lock.synchronize { @open.delete?(pledge) }
    end

    # @return [Inline]
    attr_reader :inline
    # @return [String, nil] the input
    attr_reader :bytes
    # @return [Integer, nil] of the await, as it was claimed
    attr_reader :round

    def initialize(inline, receipts, run_id, step, bytes)
      @inline, @receipts, @run_id, @step, @bytes = inline, receipts, run_id, step, bytes
    end

    # Claims the await; one that is in doubt is settled first, unless that would be part of the open transaction.
    # @return [Array(Symbol, Hash)] as {Native::Hand#submit}
    def claim(turn_ms)
      status, snapshot = submit(turn_ms)
      status, snapshot = submit(turn_ms) if status == :doubtful && settled?(snapshot)
      [ status, snapshot ]
    end

    # @return [Execution] of the method
    def execution(snapshot, object, input)
      work = Work.new(snapshot[:id], snapshot[:class_name], snapshot[:name].to_s, snapshot[:subject], @step, @step, nil, @round, @fence)
      Execution.new(hand, work, object, input: input)
    end

    # Runs the method in the transaction, with a receipt.
    # @return [Boolean] whether it accepts the input; if not, it has changed nothing
    # @raise [OutcomeUnknown]
    def commit(execution)
      @promised = @receipts.open?
      found = @receipts.once([ token ], @run_id, payload: @bytes) do
        execution.attempt
        raise ::ActiveRecord::Rollback unless execution.well?
        @committing = true
        nil
      end
      lost if found
      @committing
    rescue ::ActiveRecord::ActiveRecordError # it has not committed, and is not going to
      @committing = false
      raise
    rescue Receipts::Unknown => error
      raise OutcomeUnknown, "Whether the input of #{@step} was accepted is not known: the database could not be reached as the transaction committed " \
        "(#{error.cause&.message.to_s.lines.first&.chomp}). It is looked up before anybody else can submit (run #{@run_id}): by any web or worker " \
        "process from time to time, or by bin/workflow settle (rake workflow:settle)."
    end

    # @return [Boolean] whether the transaction was open before
    def promised? = @promised

    # @yield once the transaction has committed
    def at_commit(&accepting)
      @kept = true
      Pledge.add(self)
      @transaction = @receipts.transaction
      @transaction.after_commit { keep(&accepting) }
      @transaction.after_rollback { forgo(&accepting) }
    end

    # Tells the log, and forgets the receipt when it has been told.
    # @yield accepts the input, and runs what follows
    def tell
      yield
    ensure
      forget unless hand.held?
    end

    # Gives back what is in hand, unless a transaction decides about it.
    # @return [void]
    def release
      return if @kept
      @committing && hand.held? ? hand.doubt : hand.give_back
    end

    # @api private
    def forsake = (hand.doubt if @transaction.over? && Pledge.remove(self))

    private
      def hand = @inline.hand
      def token = Pledge.token(@run_id, @step, @round, @fence)

      def submit(turn_ms)
        status, snapshot, @round, @fence = hand.submit(@run_id, @step, Role.by, turn_ms, true)
        [ status, snapshot ]
      end

      # @return [Boolean] false: it cannot be looked up now; a transaction that may decide it is open yet
      def settled?(snapshot)
        return false if @receipts.open?
        Pledge.settle([ @run_id, snapshot[:class_name], snapshot[:name].to_s, nil, @step, @round, @fence ])
        true
      rescue ::ActiveRecord::ActiveRecordError => error
        Report.error(error, handled: true, context: { run_id: @run_id })
        false
      end

      # Nothing in here may look as if the transaction had not committed.
      def keep(&accepting)
        return unless Pledge.remove(self)
        begin
          tell(&accepting)
        ensure
          @kept = false
          release
        end
      rescue StandardError => error
        Report.error(error, handled: true, context: { run_id: @run_id })
      end

      # Rails says so too where a COMMIT was done and its end not heard of, since the application was interrupted just then.
      def forgo(&accepting)
        return hand.give_back if @receipts.open? && Pledge.remove(self) # a savepoint
        return keep(&accepting) if @receipts.committed?(token)
        hand.give_back if Pledge.remove(self)
      rescue Receipts::Unknown => error
        Report.error(error.cause, handled: true, context: { run_id: @run_id })
        hand.doubt if Pledge.remove(self)
      end

      def forget
        @committing = false
        @receipts.done(token)
      end

      # Somebody took it for dead, and made sure that its transaction cannot commit.
      def lost
        raise Interrupted, "The submission of #{@step} took too long: the await was given to others (run #{@run_id}). Submit again."
      end
  end
end
