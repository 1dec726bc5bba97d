# frozen_string_literal: true

require_relative "options"
require_relative "fields"

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
    # @return [Array<Symbol>] the steps that it comes after: those above it, or what `after:` says instead
    attr_reader :follows
    # @return [Integer, nil] which `either` of the workflow it is in, from 1
    attr_reader :either
    # @return [Array<Condition>] what `if:` and `unless:` ask
    attr_reader :conditions
    # @return [Fields, nil] the types of an await's input
    attr_reader :fields
    # @return [Integer, nil] milliseconds that an attempt may take
    attr_reader :timeout_ms

    # @param above [Array<Symbol>] the steps that it comes after unless `after:` says otherwise
    def initialize(name, kind, options, location, type: kind == :await ? :await : :step, above: [], either: nil)
      @name, @kind, @location, @either = name, kind, location, either
      @options = Options.check(type, options, "#{location}: #{self}")
      @follows = Array(options.fetch(:after, above)).dup.freeze
      @conditions = Condition.of(options)
      @fields = Fields.new(options[:fields], "#{location}: #{self}") if options.key?(:fields)
      @await, @timeout_ms = kind == :await, milliseconds(:timeout)
      @once, @transaction, @result = %i[once transaction result].map { |option| options.fetch(option, false) }
      freeze
    end

    # @return [Boolean] whether a person or another system gives it its input
    def await? = @await
    # @return [Integer] how many attempts may follow the first one
    def retries = options.fetch(:retries, 0)
    # @return [Symbol, nil] the method that runs when its input has not come in time
    def otherwise = options[:otherwise]
    # @return [Integer, nil] how long it waits for its input, in milliseconds
    def expires_ms = milliseconds(:expires_in)
    # @return [Integer, nil] how long after its turn has come it begins, in milliseconds
    def wait_ms = milliseconds(:wait)
    # Whether it is never started twice.
    def once? = @once
    # Whether what it changes in the application's database and its receipt commit together.
    def transaction? = @transaction
    # The same, of an await too, where that goes without saying on records.
    def commits?(klass) = options.fetch(:transaction) { await? && Subject.record?(klass) }
    # Whether what the method returns is kept in the log.
    def result? = @result
    # @return [Integer, nil] milliseconds from when it opens until somebody is reminded
    def remind_ms = options[:remind] && (options[:remind][:after].to_f * 1000).round
    # @return [Symbol, nil] the method that reminds
    def remind = options.dig(:remind, :with)
    # @return [Boolean] whether an input that comes before its turn is kept
    def early? = options.fetch(:early, false)
    # @return [Symbol, nil] :link or :code, where the gem makes and checks the proof of who submits
    def by = options[:by]
    # @return [Symbol, nil] the method that sends a new link or code
    def renew = options[:renew]
    # Whether it is an await that asks its conditions before it opens.
    def asks? = await? && conditions.any?
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

    # @param object [Object] the subject
    # @return [Condition, nil] the first that is not met
    def unmet(object) = conditions.find { |condition| !condition.met?(object) }

    # The methods that the step needs on its class. An await may do without one of its own name.
    def needed_methods = [ (name unless await?), otherwise, remind, renew, *conditions.map(&:method_name) ].compact

    private
      def milliseconds(option) = options[option] && (options[option].to_f * 1000).round
  end
end
