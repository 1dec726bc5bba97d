# frozen_string_literal: true

require_relative "clock"

module Bench
  # What the jobs of this process noted: that they ran, and when they began. Appending to an Array needs no lock in CRuby,
  # and costs less than anything that processes could share.
  module Tally
    @ran = []
    @began = {}

    class << self
      # @return [Array<Integer>] the numbers of the jobs, one entry for each time that one ran
      attr_reader :ran
      # @return [Hash{Integer => Float}] when they began
      attr_reader :began

      def note(number) = @ran << number

      # The first line of a job whose latency is measured.
      def note_moment(number)
        moment = Clock.now
        @began[number] = moment
        note(number)
      end
    end
  end
end
