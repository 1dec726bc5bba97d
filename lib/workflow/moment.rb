# frozen_string_literal: true

module Workflow
  # The core's milliseconds since 1970 as a Time, in the application's zone when there is one.
  module Moment
    # @param milliseconds [Integer, nil]
    # @return [Time, ActiveSupport::TimeWithZone, nil]
    def self.at(milliseconds)
      return unless milliseconds
      time = Time.at(0, milliseconds, :millisecond)
      time.respond_to?(:in_time_zone) && Time.zone ? time.in_time_zone : time.utc
    end
  end
end
