# frozen_string_literal: true

module Workflow
  class Link
    # What an object that was found by a link (`find_by_workflow_token`) keeps of it: what is submitted to that await on this one object goes to
    # the run and the round that the link is of, never to a later one.
    class Lead
      IVAR = :@workflow_lead

      class << self
        # @param object [Object] that the link was for
        # @param link [Link]
        # @return [void]
        def give(object, link) = object.instance_variable_set(IVAR, new(object, link.await, link.run, link.round))

        # @return [Lead, nil]
        def of(object, await)
          lead = object.instance_variable_get(IVAR) if object.instance_variable_defined?(IVAR)
          lead if lead&.from?(object, await)
        end
      end

      # @return [Run]
      attr_reader :run
      # @return [Integer] of the await
      attr_reader :round

      def initialize(owner, await, run, round)
        @owner, @await, @run, @round = owner, await, run, round
      end

      # A copy of a record has its lead, but was not found by it.
      def from?(object, await) = @owner.equal?(object) && @await == await

      # Of a plain object Active Support's JSON has all instance variables.
      def as_json(*) = nil

      # In a cache it would be served to another request: left behind.
      def marshal_dump = nil
      def marshal_load(_) = initialize(nil, nil, nil, nil)
    end
  end
end
