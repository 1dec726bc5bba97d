# frozen_string_literal: true

module Workflow
  class Receipts
    # The rows of one transaction that are deleted in one statement once all that they promised is done: after the commit each
    # statement is a commit of its own. Rows of who dies before that, or fails at the last, are Recovery's.
    class Deletion
      # Where the transaction keeps its own.
      IVAR = :@workflow_deletion

      # @param receipts [Receipts] with a transaction that is open
      # @return [Deletion] of that transaction, be it a savepoint
      def self.of(receipts) = receipts.transaction.memo(IVAR) { new(receipts) }

      def initialize(receipts)
        @receipts, @tokens = receipts, []
      end

      # @param token [String] of a row that was written, after those before
      # @return [void]
      def expect(token)
        @last = token
      end

      # Called after the commit, in the same order.
      # @param token [String]
      # @param stays [Boolean] whether its row is still needed
      # @return [void]
      def told(token, stays:)
        @tokens << token unless stays
        @receipts.done(*@tokens) if token == @last
      end
    end
  end
end
