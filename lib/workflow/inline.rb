# frozen_string_literal: true

module Workflow
  # What one call of a caller runs: the `now` steps that became ready by it, one after another, on the caller's own
  # object, until there is none. Holds the hand, and gives back what is in it however the call ends.
  class Inline
    # @yieldparam inline [Inline]
    def self.of(object)
      inline = new(object)
      yield inline
    ensure
      inline&.hand&.give_back
      inline&.mirror
    end

    # @return [Native::Hand]
    attr_reader :hand
    # @return [Exception, nil] the first step's own error
    attr_reader :error
    # @return [Object, nil] what the last method returned
    attr_reader :value
    # @return [Run, nil] as it is now
    attr_reader :run

    def initialize(object)
      @object = object
      @hand = Workflow.engine.hand
    end

    # @param snapshot [Hash] the run as it is
    # @param events [Array<Array>] what was just recorded
    # @param row [Array, nil] the first step to run here
    # @return [Run]
    def go_on(snapshot, events, row, existing: false)
      told(snapshot, events, existing)
      while (work = Work.of(row))
        execution = Execution.new(hand, work, @object)
        snapshot, events, row = execution.perform(wait: true)
        @error ||= execution.fault
        @value = execution.value
        told(snapshot, events, existing)
      end
      run
    end

    # Writes to mirrored columns how far all of it has come; once, since each write is a commit of the application's database.
    # @return [void]
    def mirror = (Mirror.follow(run) if @moved)

    private
      def told(snapshot, events, existing)
        @run = Run.new(snapshot, subject: @object, existing: existing)
        @moved ||= events&.any?
        Instrumentation.publish_all(events, @run, mirror: false)
      end
  end
end
