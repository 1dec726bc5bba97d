# frozen_string_literal: true

module Workflow
  class Receipts
    # The application's transaction that a thread is in, for whoever has to know how it ends.
    class Transaction
      # @param pool [ActiveRecord::ConnectionAdapters::ConnectionPool]
      def initialize(pool)
        @pool, @connection = pool, pool.active_connection
        @transaction = @connection&.current_transaction&.user_transaction || ::ActiveRecord::Transaction::NULL_TRANSACTION
      end

      # @return [Boolean]
      def open? = @transaction.open?

      # @yield when it has committed; at once if there is none
      def after_commit(&) = @transaction.after_commit(&)

      # @yield when it was rolled back; not when it is {#abandoned?}
      def after_rollback(&) = @transaction.after_rollback(&)

      # @param name [Symbol] of an instance variable
      # @yieldreturn [Object] what it keeps there as long as it lasts
      def memo(name) = @transaction.instance_variable_get(name) || @transaction.instance_variable_set(name, yield)

      # @return [Boolean] whether it is over, whoever has ended it
      def over? = @transaction.closed? || abandoned?

      # Whether its connection was thrown away: Active Record tells nobody that the database has ended a transaction by
      # itself (the disk is full, ON CONFLICT ROLLBACK).
      # @return [Boolean]
      def abandoned? = !@pool.connections.include?(@connection)
    end
  end
end
