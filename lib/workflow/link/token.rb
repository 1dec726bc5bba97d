# frozen_string_literal: true

module Workflow
  class Link
    # What a link says, signed by the application's own verifier: with its secret, and with those that it rotates
    # (`Rails.application.message_verifiers.rotate`). It goes into an address, so it is written without + / and =.
    module Token
      SALT = "workflow links"
      PURPOSE = :link
      LEN_MAX = 4096

      class << self
        # @param facts [Array] strings, numbers and nil
        # @return [String]
        # @raise [ArgumentError] when they are too long to be read again
        def sign(facts)
          body, _, digest = verifier.generate(facts, purpose: PURPOSE).rpartition("--")
          token = "#{body.tr("+/", "-_").delete("=")}--#{digest}"
          return token if token.bytesize <= LEN_MAX
          raise ArgumentError, "a link of #{token.bytesize} bytes is too long, #{LEN_MAX} is the most: give a shorter to: (a path that finds the rest)"
        end

        # Whatever comes in: nothing raises, and nothing says what was wrong.
        # @return [Array, nil]
        def read(text)
          return unless text.instance_of?(String) && text.bytesize <= LEN_MAX && text.b.match?(/\A[\w-]+--\h+\z/n)
          text = text.b.force_encoding(Encoding::UTF_8)
          verifier.verified(text, purpose: PURPOSE) || verifier.verified(as_signed(text), purpose: PURPOSE)
        end

        private
          # A verifier that is `url_safe` has signed the text as it is.
          def as_signed(text)
            body, _, digest = text.rpartition("--")
            "#{body.tr("-_", "+/")}#{"=" * (-body.size % 4)}--#{digest}"
          end

          def verifier = Proof.application(:link).message_verifier(SALT)
      end
    end
  end
end
