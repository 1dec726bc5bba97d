# frozen_string_literal: true

require "uri"
require_relative "link/lead"
require_relative "link/token"

module Workflow
  # A link that a person gets, in a mail say, to an await with `by: :link`, and where it leads to now.
  #
  # What it says is the run, the await, its round, until when it is good, and where to go on afterwards; {Token} signs
  # that. Nothing of it is stored. It is good once because the log accepts one input for the await in that round: a
  # second click finds the await done, and a link of an earlier round opens nothing.
  class Link
    # So long it is good where the await has no deadline of its own, and so long it may take until the await opens.
    LIFETIME_MS = 30 * 86_400_000
    # What it leads to: an await that takes the input (also before its turn, with `early: true`), one that has it, one
    # whose turn has not come or whose run is paused, one whose time or round is over, one that is over otherwise.
    STATES = %i[open used soon expired closed].freeze

    class << self
      # @param subject_or_run [Object, Run]
      # @param await [Symbol]
      # @param expires_in [Numeric, nil] seconds; nil: as long as the await is open
      # @param to [String, nil] an address of the application's, to go on at
      # @return [String] a token
      # @raise [DefinitionError] of an await that has no `by: :link`
      # @raise [NotWaiting] when nothing has started
      # @raise [ArgumentError] of what is no time
      # @raise [URI::InvalidURIError] of what is no address
      def make(subject_or_run, await, expires_in: nil, to: nil)
        proof = Proof.of(subject_or_run, await, "workflow_url_for").by!(:link)
        run, step = proof.run, proof.step
        Token.sign([ run.id, step.pinned_name.name, step.round, until_ms(step, proof.declared, expires_in), path_of(to) ])
      end

      # @param text [Object] as it came
      # @return [Link, nil] nil: we have not signed it
      def find(text)
        facts = Token.read(text)
        new(*facts) if facts
      end

      private
        def until_ms(step, declared, expires_in)
          now = Workflow.engine.now_ms
          return now + milliseconds(expires_in) if expires_in
          return step.due_at ? (step.due_at.to_f * 1000).ceil : now + LIFETIME_MS if step.waiting?
          now + LIFETIME_MS + declared.expires_ms.to_i
        end

        def milliseconds(seconds)
          return (seconds.to_f * 1000).round if Options.seconds?(seconds, 0.001, Options::YEARS_10)
          raise ArgumentError, "expires_in: must be a duration in seconds, more than 0 and at most ten years, not #{Options.shown(seconds)}"
        end

        # Never another site: the path and the query alone.
        def path_of(address)
          return if address.nil?
          uri = URI.parse(address.to_s)
          [ "/#{uri.path.to_s.sub(%r{\A/+}, "")}", uri.query ].compact.join("?")
        end
    end

    # @return [String]
    attr_reader :run_id
    # @return [Integer] of the await: how often a person has asked for it again, from 1
    attr_reader :round
    # @return [String, nil] where to go on, within the application
    attr_reader :path

    # @api private
    def initialize(run_id, step, round, until_ms, path)
      @run_id, @pinned, @round, @until_ms, @path = run_id, step, round, until_ms, path
    end

    # @return [Run, nil] nil: it is not in the log any more
    def run = @run ||= Workflow.engine.find(run_id)&.then { |snapshot| Run.new(snapshot) }

    # @return [Object, nil] what the run is about; nil: it is gone
    def subject
      @subject ||= run&.subject
    rescue *Subject::LOST
      nil
    end

    # @param klass [Class] of records within whatever scope it is asked in
    # @param name [Symbol] of the await
    # @return [Object, nil] with a {Lead}; nil: it is for something else, or cannot be used any more
    def subject_of(klass, name)
      return unless subject.is_a?(klass) && await == name && %i[open used soon].include?(state)
      found = Subject.record?(klass) ? klass.where(klass.primary_key => [ subject.id ]).first : subject
      found if found && lead(found)
    end

    # @return [String, nil] the one that the run was started in; nil: the default
    # @api private
    def locale = run && Travel.locale_in(run.snapshot[:args])

    # @return [String, nil] the name of the time zone that it was started in; nil: the default
    # @api private
    def zone = run && Travel.zone_in(run.snapshot[:args])

    # @return [Symbol, nil] the await, as the present code calls it
    def await = step&.name

    # @return [Symbol] one of {STATES}
    def state
      return :closed unless declared&.by == :link
      return :expired unless step.round == round
      return :used if step.completed? || step.kept?
      return :expired if over? || run.expired?
      return standing unless step.ahead?
      declared.early? && !run.paused? ? :open : pending
    end

    STATES.each { |state| define_method(:"#{state}?") { self.state == state } }

    # @return [Fields, nil] that the await asks for
    def fields = declared&.fields

    # Submits what a person has sent, for the round that the link is of.
    # @param input [Hash]
    # @return [Submission]
    def submit(input)
      Caller.new(subject, run: run, round: round).submit(await, **input.transform_keys(&:to_sym))
    ensure
      forget
    end

    # @return [Boolean] whether a new link can be sent: this one's time is over, and the await's is not
    def renewable? = !declared&.renew.nil? && expired? && step.waiting? && !run.paused? && !step.overdue?

    # Has a new link sent by a worker, unless that was asked for a moment ago.
    # @return [Boolean]
    def renew = renewable? && Renewal.new(run, step, declared).start

    # Looks at the log again.
    # @return [Link] itself
    def forget
      @run = @step = nil
      self
    end

    private
      def step = @step ||= (run.steps.find { |step| step.pinned_name.name == @pinned } if run)
      def declared = subject && step && Proof.declared(run, step.name)
      def over? = Workflow.engine.now_ms >= @until_ms || step.overdue?

      # A frozen object keeps nothing: it is found where what is submitted on it goes to this run anyway.
      def lead(object)
        return Proof.of(object, await, "find_by_workflow_token").run.id == run_id if object.frozen?
        Lead.give(object, self)
        true
      end

      def pending = run.ended? || run.failed? || run.cancelling? ? :closed : :soon

      def standing
        return :closed unless step.waiting? && !run.cancelling?
        run.paused? ? :soon : :open
      end
  end
end
