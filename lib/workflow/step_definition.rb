# frozen_string_literal: true

require_relative "options"

module Workflow
  # One declared step: its name, the word in front of it, its options and where it was written. Frozen. Knows what
  # an error means for it (another attempt, or the end) and how long to wait; what is left is counted by the core.
  class StepDefinition
    CONSTANT_S = 3

    # @return [Symbol] the name of the step, which is the name of its method
    attr_reader :name
    # @return [Symbol] :now, :later or :await
    attr_reader :kind
    # @return [Hash] the options as written
    attr_reader :options
    # @return [String] "file:line" of the declaration
    attr_reader :location

    def initialize(name, kind, options, location, type: kind == :await ? :await : :step)
      @name, @kind, @location = name, kind, location
      @options = Options.check(type, options, "#{location}: #{self}")
      freeze
    end

    def await? = kind == :await
    def retries = options.fetch(:retries, 0)
    def otherwise = options[:otherwise]
    def expires_ms = options[:expires_in] && (options[:expires_in].to_f * 1000).round
    def to_s = "#{kind} #{name.inspect}"

    # Milliseconds between attempts, when they are always the same.
    # @return [Integer, nil] nil: exponential, or a proc that {#delay_ms} asks
    def constant_ms
      case (backoff = options[:backoff])
      when nil, :exponential, Proc then nil
      when :constant then CONSTANT_S * 1000
      else (backoff.to_f * 1000).round
      end
    end

    # @param attempt [Integer] the attempt that failed, from 1
    # @return [Integer, nil] milliseconds until the next one when a proc decides, else nil
    def delay_ms(attempt)
      return unless (backoff = options[:backoff]).is_a?(Proc)
      seconds = backoff.call(attempt)
      return (seconds.to_f * 1000).round if Options.seconds?(seconds, 0, Options::YEARS_10)
      raise DefinitionError, "#{location}: #{self}: the backoff proc must return seconds, not #{seconds.inspect}."
    end

    # @return [Boolean] whether this error is not to be tried again, whatever attempts are left
    def final?(error)
      return true if Array(options[:give_up_on]).any? { |type| type === error }
      options.key?(:retry_on) && Array(options[:retry_on]).none? { |type| type === error }
    end

    # The methods that the step needs on its class. An await may do without.
    def needed_methods = [ (name unless await?), otherwise ].compact
  end
end
