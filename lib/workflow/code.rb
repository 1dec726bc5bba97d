# frozen_string_literal: true

require "openssl"

module Workflow
  # The six digits that a person is sent for an await with `by: :code`, and submits as `code:`. They are computed, of the
  # run, the await, its round and how often a new one was asked for, with a key of the application's: nothing of them is
  # stored, and the log does not keep what was typed. Wrong ones are: each is a rejected input, and after {TRIES_MAX} of
  # them none is taken any more. They are counted while the await is claimed, so that the limit holds for all processes.
  class Code
    DIGITS = 6
    TRIES_MAX = 5
    SALT = "workflow codes"
    # What the log says of a wrong one, and what is counted: in no locale.
    REJECTION = "Code is not the one we sent"

    class << self
      # @param subject_or_run [Object, Run]
      # @param await [Symbol] with `by: :code`; it need not be open yet
      # @return [String] six digits
      # @raise [DefinitionError] of an await that has no `by: :code`, or without Rails
      # @raise [NotWaiting] when nothing has started
      # @example
      #   Sms.send_to(phone, Workflow::Code.make(self, :activate))
      def make(subject_or_run, await)
        proof = Proof.of(subject_or_run, await, "workflow_code_for").by!(:code)
        new(proof.run, proof.step, proof.declared).text
      end

      # @param input [Object] as it came
      # @return [Array(String, String)] the digits, or what is wrong with it
      def read(input)
        return [ nil, Wording.of(:missing) ] if input.nil? || input == ""
        text = input.is_a?(Integer) ? format("%0#{DIGITS}d", input) : input.is_a?(String) ? input.b.delete(" -") : ""
        text.match?(/\A\d{#{DIGITS}}\z/o) ? [ text, nil ] : [ nil, Wording.of(:code_digits, digits: DIGITS) ]
      end
    end

    # @param step [Step] of the run
    def initialize(run, step, declared)
      @run, @step = run, step
      @renewal = Renewal.new(run, step, declared)
      @number, = @renewal.past
    end

    # @return [String]
    def text = digits(Proof.application(:code).key_generator)

    # @param given [String] six digits
    # @return [Boolean] whether it is the one, made with the application's secret or with an earlier one of `config.secret_keys`
    def right?(given)
      application = Proof.application(:code)
      earlier = Workflow.configuration.secret_keys.map { |secret| application.key_generator(secret) }
      [ application.key_generator, *earlier ].any? { |keys| OpenSSL.fixed_length_secure_compare(digits(keys), given) }
    end

    # @return [Boolean] whether none is taken any more
    def spent? = wrong >= TRIES_MAX

    private
      # @param keys [ActiveSupport::CachingKeyGenerator] of a secret
      def digits(keys)
        digest = OpenSSL::HMAC.digest("SHA256", keys.generate_key(SALT, 32), [ @run.id, @step.pinned_name, @step.round, @number ].join("/"))
        format("%0#{DIGITS}d", digest.unpack1("Q>") % 10**DIGITS)
      end

      # Since this code is the one.
      def wrong
        since = @renewal.position
        @run.events.count do |event|
          event.kind == :input_rejected && event.step == @step.pinned_name && event.round == @step.round && event.reason == REJECTION &&
            event.position > since
        end
      end
  end
end
