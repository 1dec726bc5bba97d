# frozen_string_literal: true

module Workflow
  class StreamChannel < ::ActionCable::Channel::Base
    # How many streams a connection has, so that no client takes more than its share of memory. Counted here, since the
    # identifiers of Action Cable are as the client writes them. One a connection, kept by the channels that it counts.
    class Quota
      @lock = Mutex.new
      @of_connections = ObjectSpace::WeakMap.new

      # @param connection [ActionCable::Connection::Base]
      # @return [Quota]
      def self.of(connection) = @lock.synchronize { @of_connections[connection] ||= new }

      def initialize
        @lock = Mutex.new
        @channels = []
      end

      # @return [Boolean] false: the connection has `config.streams_per_connection` already
      def take(channel)
        @lock.synchronize do
          @channels.size < Workflow.configuration.streams_per_connection && !!@channels.push(channel)
        end
      end

      # @return [Array<StreamChannel>] those that it has
      def rest = @lock.synchronize { @channels.dup }

      # @return [void]
      def give_back(channel)
        @lock.synchronize { @channels.delete_if { |other| other.equal?(channel) } }
      end
    end
  end
end
