# frozen_string_literal: true

require_relative "moment"

module Workflow
  # A fact of the log: appended once, never changed. `kind` says what happened, to which step of which run, when and
  # by whom; `data` has what else is known.
  class Event
    # The positions of what one append wrote differ in what is below it.
    PER_APPEND = 256

    # @return [Integer, nil] its order over the whole log; nil in events that a call has just returned
    attr_reader :position
    # @return [String]
    attr_reader :run_id
    # @return [Integer] from 1, without gaps, within the run
    attr_reader :version
    # @return [Symbol] run_started, step_completed, input_accepted …
    attr_reader :kind
    # @return [Symbol, nil] nil: of the whole run
    attr_reader :step
    # @return [Integer, nil] from 1
    attr_reader :attempt
    # @return [Integer, nil] executions of the step that a person asked for, from 1
    attr_reader :round
    # @return [String] "web:4711@host", "worker:4712@host"
    attr_reader :by

    # @return [nil] of a step that runs once per element; not built yet
    attr_reader :element

    # @param run_id [String]
    # @param version [Integer]
    # @return [Event, nil] nil: the log has none of that version
    # @api private
    def self.find(run_id, version) = Workflow.engine.events(run_id, version - 1, 1).first&.then { |row| new(row) }

    # @param row [Array] as the core gives it
    def initialize(row)
      @position, @run_id, @version, @kind, @step, @attempt, @round, @at_ms, @by, @due_ms,
        @reason, @error_class, @error_message, @error_where, @payload, @element = row
    end

    # @return [Time]
    def at = Moment.at(@at_ms)

    # @return [Time, nil] when the next attempt is due, or the await expires; of a reminder that failed, the next try
    def due_at = Moment.at(@due_ms)

    # @return [String, nil]
    attr_reader :reason

    # @return [Failure, nil] of a failed attempt, a reminder that failed, an input that could not be judged
    def error = @error_class && Failure.new(@error_class, @error_message)

    # What the event carries beside its place: `round`, `reason`, `message`, `error`, `where`, `due_at`, `input`,
    # `result`, `progress` (a {Progress}), `kind` and `facts` (of a note); only those that it has.
    # @return [Hash{Symbol=>Object}]
    # @example
    #   event.data[:input]  # => { code: "1234" }
    def data
      { round: round, reason: (reason unless noted?), error: error, message: @error_message, where: @error_where, due_at: due_at,
        input: (payload if %i[input_accepted input_kept].include?(kind)), result: (payload if kind == :step_completed),
        progress: progress, kind: (reason.to_sym if noted?), facts: (payload if noted?) }.compact
    end

    # What `render json:` of it gives.
    # @return [Hash]
    # @api private
    def as_json(...)
      { position: position, run_id: run_id, version: version, kind: kind, step: step, attempt: attempt, at: at, by: by, data: data }.compact.as_json(...)
    end

    # @return [String] tells it from the event of the same run and version in a log that went another way, after it was restored
    #   from a copy
    # @api private
    def mark = @at_ms.to_s(36)

    # @return [Array] what runs that went the same way have in common, wherever their steps ran: kind, step and attempt
    # @example
    #   order.workflow.events.map(&:signature)  # => [[:run_started, nil, nil], [:step_scheduled, :charge, 1], …]
    def signature = [ kind, step, attempt ]

    # @return [Object, nil] what was submitted, or returned, with "[FILTERED]" for what `filter_parameters` match; as JSON where it
    #   cannot be read any more
    def payload
      Serializer.load(@payload).first
    rescue StandardError
      Serializer.text(@payload)
    end

    # @return [String, nil] the payload as it was written
    # @api private
    def bytes = @payload

    def inspect = "#<#{self.class} #{run_id} v#{version} #{kind}#{" #{step}" if step}#{" ##{attempt}" if attempt}>"

    private
      def noted? = kind == :noted
      def progress = kind == :progressed ? Progress.load(@payload) : nil
  end
end
