# frozen_string_literal: true

module Workflow
  # One step of a run as it stands: what a page, a console or a test asks about. A copy; `run.reload` gets a new one.
  class Step
    STATES = %i[
      pending ready running waiting retrying completed skipped failed undoing undone cancelled
    ].freeze

    # @param facts [Hash] as the core gives them
    # @param name [Symbol] the one that the present code has for it
    def initialize(facts, name = facts[:name])
      @facts, @name = facts, name
    end

    # @return [Symbol] the present code's
    attr_reader :name
    # @return [Symbol] the one that the run began with, which its events have; another than {#name} once the code says `renamed`
    # @example
    #   run.events.select { |event| event.step == run.step(:mail_link).pinned_name }
    def pinned_name = @facts[:name]
    # @return [Symbol] :now, :later or :await
    def kind = @facts[:kind]
    # @return [Symbol] one of {STATES}
    def state = @facts[:state]
    # @return [Integer] attempts of the present round
    def attempts = @facts[:attempts] || 0
    # @return [Integer] executions that a person asked for, from 1
    def round = @facts[:round] || 1
    # @return [String, nil] why it is as it is, see docs/operating.md: of a failed one "rejected", "crashed", "timeout", "interrupted", "result",
    #   "subject_missing", "undefined" or "key_missing"; of a skipped one the condition, or who skipped it
    def reason = doubtful? ? "whether its input was accepted is being looked up in the application's database" : @facts[:reason]
    # @return [Time, nil]
    def started_at = Moment.at(@facts[:started_ms])
    # @return [Time, nil]
    def ended_at = Moment.at(@facts[:ended_ms])
    # @return [Time, nil] when the next attempt is due, its `wait:` is over, or the await expires
    def due_at = Moment.at(@facts[:due_ms])
    # @return [Time, nil] when somebody is reminded of an open await; nil: not (any more)
    # @example
    #   run.step(:confirm).remind_at&.to_date
    def remind_at = Moment.at(@facts[:remind_ms])
    # @return [Boolean] whether its input came before its turn (`early: true`) and is kept until then
    # @example
    #   run.step(:confirm).kept?  # => true, after submit(:confirm, …) in good time
    def kept? = !@facts[:kept_version].nil?
    # @return [Boolean] whether an input was submitted in a transaction of which it is not known yet if it has committed
    # @example
    #   run.step(:confirm).doubtful?  # => true, until somebody has looked it up
    def doubtful? = @facts[:doubtful] ? true : false
    # @return [String, nil] who ran it last: "worker:4712@host"
    def by = @facts[:by]
    # @return [Failure, nil] of the last failed attempt
    def error = @facts[:error_class] && Failure.new(@facts[:error_class], @facts[:error_message])

    # @return [Progress, nil] how far it last said it is, in this round
    # @example
    #   run.step(:import).progress&.percent  # => 40
    def progress = Progress.load(@facts[:progress])

    STATES.each { |state| define_method(:"#{state}?") { self.state == state } }

    # @return [Boolean] whether an input would come before its turn: it is pending, or its conditions are being asked, or
    #   an earlier such input is being judged
    # @api private
    def ahead? = pending? || ((ready? || running?) && %i[ask judge].include?(@facts[:mode]))

    # @return [Boolean] whether it waits though its time is over, since no worker has looked at the clock yet
    # @api private
    def overdue? = waiting? && !due_at.nil? && due_at.to_f * 1000 <= Workflow.engine.now_ms

    # @return [Integer, nil] the version of the event that holds the input
    # @api private
    def input_version = @facts[:input_version]

    # @return [Integer, nil] the version of the event that holds the result
    # @api private
    def result_version = @facts[:result_version]

    # Whether the run has come to it and not beyond it.
    # @api private
    def reached? = %i[ready running waiting retrying failed undoing].include?(state) || pending? && !due_at.nil?

    # As {Run#to_h} has it: not for visitors.
    # @return [Hash{Symbol=>Object}]
    def to_h
      { name: name, kind: kind, state: state, attempts: attempts, round: round, reason: reason, by: by,
        started_at: started_at, ended_at: ended_at, due_at: due_at, error: error&.to_s, progress: progress&.to_s }.compact
    end

    # What `render json:` of it gives.
    # @return [Hash]
    # @api private
    def as_json(...) = to_h.as_json(...)

    def inspect = "#<#{self.class} #{name} #{state}#{" ##{attempts}" if attempts > 0}>"
  end
end
