# frozen_string_literal: true

require "set"

module Workflow
  # What a caller promises within a transaction of the application, and keeps if and only if that commits: an intent is
  # written with it, and the log is told right after the commit, on this thread. Whatever dies in between, Recovery tells it.
  class Commitment
    ToCancel = Struct.new(:thread, :run_id, :transaction)
    private_constant :ToCancel

    @to_cancel = Set.new.compare_by_identity
    @lock = Mutex.new

    # @param receipts [Receipts] with a transaction that is open
    # @param intent [Intent]
    # @param run [Run, nil] as it is until then
    # @return [Commitment]
    # @yieldparam tell [Proc] to be called with a hand or nil: tells the log, and returns what it answered
    def self.make(receipts, intent, run = nil, &keeping)
      intent.write(receipts)
      commitment = new(receipts, intent, keeping)
      transaction = receipts.transaction
      transaction.after_commit { commitment.keep }
      transaction.after_rollback { run.withdraw if run&.promised? }
      commitment
    end

    # Cancels a run that way. A savepoint that is rolled back takes along what was cancelled in it, and nothing else.
    def self.cancel(receipts, intent, run, &keeping)
      make(receipts, intent, run, &keeping)
      transaction = receipts.transaction
      promised = ToCancel.new(Thread.current, intent.run_id, transaction)
      @lock.synchronize { @to_cancel.add(promised) }
      forget = -> { @lock.synchronize { @to_cancel.delete(promised) } }
      transaction.after_commit(&forget)
      transaction.after_rollback(&forget)
    end

    # @return [Boolean] whether the transaction that this thread is in cancels the run when it commits
    def self.to_cancel?(run_id)
      @lock.synchronize do
        @to_cancel.delete_if { |promised| promised.transaction.abandoned? }
        @to_cancel.any? { |promised| promised.thread.equal?(Thread.current) && promised.run_id == run_id }
      end
    end

    def initialize(receipts, intent, keeping)
      @receipts, @intent, @keeping = receipts, intent, keeping
    end

    # The transaction has committed, so that nothing in here may look as if it had not; what cannot be told now is told later.
    # @return [void]
    def keep
      return if @kept
      @kept = true
      @keeping.call(method(:tell))
    rescue StandardError => error
      Report.error(error, handled: true, context: { run_id: @intent.run_id })
    end

    private
      # @yield tells in another way
      def tell(hand = nil)
        (block_given? ? yield : @intent.tell(hand)).tap { @intent.told(@receipts) }
      end
  end
end
