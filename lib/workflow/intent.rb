# frozen_string_literal: true

require "digest"
require "json"
require "securerandom"

module Workflow
  # What the log is to be told once a transaction of the application has committed: that a run starts, or that one is to
  # be cancelled. Written into the application's database with that transaction (Receipts), told by whoever committed,
  # else by any process that finds it (Recovery). Told twice, it counts once.
  class Intent
    KINDS = %w[start cancel submit destroy].freeze

    class << self
      # @param class_name [String] of the subject, as the log has it
      # @param token [String, nil] the idempotency key
      # @return [Intent] with the id that the run is going to have; to be completed by {#about}
      def start(class_name, token: nil)
        new("start", Workflow.engine.reserve, { class_name: class_name, token: token, by: Role.by }.compact)
      end

      # @return [String] what a start is found by
      def token_of_start(run_id) = "start/#{run_id}"

      # @param run_id [String]
      # @return [Intent]
      def cancel(run_id, reason) = new("cancel", run_id, { reason: reason, by: Role.by, nonce: SecureRandom.hex(8) }.compact)

      # @param run_id [String]
      # @param subject [Subject]
      # @param input [String, nil] its bytes, of an await that takes inputs early
      # @return [Intent]
      def submit(run_id, subject, step, input)
        new("submit", run_id, { class: subject.klass.name, subject: subject.bytes, step: step, input: input, by: Role.by, nonce: SecureRandom.hex(8) }.compact)
      end

      # @param subject [Subject] a record that is being destroyed
      # @param definitions [Array<Definition>] whose runs end with it
      # @param within [Array<Array>] the attempts that destroy it, as {Execution#attempt_id}
      # @return [Intent]
      def destroy(subject, definitions, within)
        before = Workflow.engine.reserve if Workflow.runtime.open? # the log may be away
        new("destroy", nil, { keys: definitions.map { |definition| subject.key(definition.name) }, within: within, before: before, by: Role.by,
          nonce: SecureRandom.hex(8) }.compact)
      end

      # @param row [Receipts::Row] as it was left
      # @return [Intent]
      # @raise [ReceiptsInvalid] of a row that another version wrote, or a hand
      def of(row)
        facts = JSON.parse(row.payload.to_s, symbolize_names: true) if KINDS.include?(row.kind)
        facts.is_a?(Hash) ? new(row.kind, row.run_id, facts) : unreadable(row)
      rescue JSON::ParserError
        unreadable(row)
      end

      private
        def unreadable(row)
          raise ReceiptsInvalid, "The row #{row.token} of #{Receipts.table_name} (#{row.kind}) cannot be read by this version of the gem, and stays. " \
            "Update the gem, or delete the row if nothing is to come of it."
        end
    end

    # @return [String, nil]
    attr_reader :run_id

    def initialize(kind, run_id, facts)
      @kind, @run_id, @facts = kind, run_id, facts
    end

    # @param subject [Subject] saved
    # @param definition [Definition]
    # @return [Intent] itself, complete
    def about(subject, definition, args: nil, place: nil, tags: nil)
      @facts = { **@facts, class: subject.klass.name, name: definition.name, subject: subject.bytes, key: subject.key(definition.name),
        args: args, place: place, tags: tags }.compact
      self
    end

    # @return [String] what nothing else is to be started with
    def key_token = "key/#{Digest::SHA256.hexdigest("#{@facts[:class_name]}/#{@facts[:token]}")}"

    # @param receipts [Receipts] with a transaction that is open
    # @return [void]
    def write(receipts) = receipts.intend(token, @kind, run_id, JSON.generate(@facts))

    # Tells the log.
    # @param hand [Native::Hand, nil] what is to run the leading `now` steps; nil: workers
    # @return [Array(Symbol, Hash, Array, Array)] as the engine gives it: what became of it, snapshot, events, and of a start the first work;
    #   :later if there is a step under way that does it
    # @raise [StoreError] when the log cannot be written now
    # @raise [DefinitionError] when this process does not know the class or its workflow
    def tell(hand = nil)
      case @kind
      when "start" then tell_start(hand)
      when "cancel" then Workflow.engine.cancel(run_id, nil, @facts[:reason], @facts[:by])
      when "submit" then deliver(Subject.load(@facts[:class], @facts[:subject]))
      when "destroy" then Destruction.cancel(@facts[:keys], @facts[:by], **@facts.slice(:within, :before))
      end
    end

    # It was told, and need not be again.
    # @yieldparam error [ActiveRecord::ActiveRecordError] why it cannot be forgotten now
    # @return [Boolean] whether nobody finds it any more
    def told(receipts, &) = receipts.done(token, &)

    # @param snapshot [Hash] a run
    # @return [Boolean] whether it is to be cancelled, its record being destroyed
    def destroys?(snapshot)
      Array(@facts[:keys]).include?(snapshot[:key]) && (@facts[:before].nil? || snapshot[:id] < @facts[:before])
    end

    # The run as it is until the log has it.
    # @return [Hash]
    def snapshot(definition)
      { id: run_id, class_name: @facts[:class_name], name: @facts[:name].to_s, version: 0, state: :scheduled, subject: @facts[:subject],
        key: @facts[:key], reason: "starts when the transaction commits", tags: @facts[:tags],
        token: @facts[:token], steps: definition.steps.map { |step| { name: step.name, kind: step.kind, state: :pending } } }
    end

    def to_s = "the #{@kind} of #{@facts[:keys]&.join(", ") || "run #{run_id}"}#{" (#{@facts[:key]})" if @facts[:key]}"

    # @return [String] what it is found by in the application's database
    def token = [ @kind, run_id, @facts[:nonce] ].compact.join("/")

    # Submits an input that came before its turn, for somebody who does not wait for the verdict: the turn may have come meanwhile.
    # @param object [Object] the subject
    # @return [Array(Symbol, Hash, Array)] as {#tell}
    def deliver(object)
      run = Run.new(Workflow.engine.find(run_id), id: run_id, subject: object)
      submission = Caller.new(object, run: run).submit(@facts[:step].to_sym, **(Serializer.open(@facts[:input]).first || {}))
      Report.error(Rejected.new(refusal(submission)), handled: true, context: { run_id: run_id }) unless submission.accepted?
      [ :submitted, submission.run.snapshot, [] ]
    end

    private
      def refusal(submission)
        "The input of #{@facts[:step]} that was submitted early in a transaction was not accepted: " \
          "#{Secrets::Veil.new.add(@facts[:input]).over(submission.errors.full_messages.join(" "))} (run #{run_id})"
      end

      def tell_start(hand)
        klass = Declarations.class_of(@facts[:class]) or raise DefinitionError, "#{self} is of the class #{@facts[:class]}, which this process does not know."
        Workflow.engine.start(hand, definition_of(klass).blueprint(klass), @facts[:subject], @facts[:key], @facts[:args],
          @facts[:place]&.to_sym, @facts[:by], @facts[:tags], run_id, @facts[:token])
      end

      # Of the arguments only the options are read: what else there is may be gone by now, which is the run's business.
      def definition_of(klass)
        name, declarations = @facts[:name].to_s, Declarations.of(klass)
        return declarations.workflow!(name.to_sym) unless name.start_with?(".")
        declarations.of_method(name.delete_prefix(".").to_sym, Serializer.load_at(2, @facts[:args]) || {})
      end
  end
end
