# frozen_string_literal: true

module Differential
  # What an error means for a step as `retry_on:`, `give_up_on:` and `backoff:` say: as the code writes them, and whether and
  # when it is tried again then, as the documents have it.
  module ApiFailures
    # An error that is tried again, one of its kind, and one that is given up on.
    Broken = Class.new(StandardError)
    Worse = Class.new(Broken)
    Hopeless = Class.new(StandardError)

    ERRORS = { broken: Broken, worse: Worse, hopeless: Hopeless, script: NotImplementedError }.freeze
    # Any, one, one of several, a parent of what is given up on, a narrower one, and another one.
    RETRY_ON = { broken: Broken, listed: [ IOError, Broken ], standard: StandardError, worse: [ Worse ], other: [ KeyError ] }.freeze
    AGAIN = { nil => %i[broken worse script], broken: %i[broken worse], listed: %i[broken worse], standard: %i[broken worse],
      worse: %i[worse], other: [] }.freeze

    # As a number of seconds, or said thus: :doubled is the rule, in words or not.
    PACES = [ nil, :constant, :doubled, :by_attempt, :out_of_order ].freeze
    HOUR_MS = 3_600_000
    CONSTANT_MS = 3_000
    FIRST_MS = 3_000

    class << self
      # @param part [Hash] of a design
      # @return [Hash] the options of its step
      def options(part)
        { retries: part[:retries], backoff: backoff(part), retry_on: RETRY_ON[part[:again]], give_up_on: Hopeless }.compact
      end

      # @param kind [Symbol] of the error
      def final?(part, kind) = !AGAIN.fetch(part[:again]).include?(kind)

      # @param attempt [Integer] that failed
      # @param failures [Integer] how many failed before it
      # @return [Range<Integer>] milliseconds until the next attempt
      def wait(part, attempt, failures)
        case part[:pace]
        when nil then exactly(part[:backoff])
        when :constant then exactly(CONSTANT_MS)
        when :by_attempt then exactly(attempt * HOUR_MS)
        else doubled(failures)
        end
      end

      private
        def backoff(part)
          case part[:pace]
          when nil then part[:backoff] && part[:backoff] / 1000
          when :constant then :constant
          when :doubled then (:exponential if part[:retries].even?)
          when :by_attempt then ->(attempt) { attempt * HOUR_MS / 1000.0 }
          when :out_of_order then ->(_) { raise "no time for this" }
          end
        end

        def exactly(milliseconds) = milliseconds..milliseconds

        # A quarter up or down, at most an hour.
        def doubled(failures)
          middle = [ FIRST_MS * 2**failures, HOUR_MS ].min
          (middle * 3 / 4)..[ middle * 5 / 4, HOUR_MS ].min
        end
    end
  end
end
