# frozen_string_literal: true

require "date"

module Workflow
  class Fields
    # Moments as ISO 8601 has them; a form's datetime-local field leaves out the zone, and it is the application's then.
    module Clock
      DATE = /\A(\d{4})-(\d\d)-(\d\d)\z/
      TIME = /\A(\d{4})-(\d\d)-(\d\d)[T ]([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d(?:\.\d{1,9})?))?(Z|[+-]\d\d:?\d\d)?\z/i

      class << self
        def date(text)
          parts = DATE.match(text)&.captures&.map { |part| part.to_i } or return REFUSED
          Date.valid_date?(*parts) ? Date.new(*parts) : REFUSED
        end

        def time(text)
          *numbers, second, zone = TIME.match(text)&.captures || (return REFUSED)
          numbers = numbers.map { |number| number.to_i }
          return REFUSED unless Date.valid_date?(*numbers.first(3))
          at(numbers << (second || "0").to_r, zone)
        rescue ArgumentError # an offset of 99 hours
          REFUSED
        end

        # What `to_time` gives depends on Active Support's settings.
        def of(moment)
          utc = moment.new_offset(0)
          Time.utc(utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second + utc.second_fraction)
        end

        private
          def at(numbers, zone)
            return Time.utc(*numbers) if zone&.casecmp?("z")
            return Time.new(*numbers, zone.sub(/(\d\d):?(\d\d)\z/, '\1:\2')) if zone
            here = Time.zone if Time.respond_to?(:zone)
            here ? here.local(*numbers) : Time.local(*numbers)
          end
      end
    end
  end
end
