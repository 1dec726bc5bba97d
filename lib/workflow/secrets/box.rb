# frozen_string_literal: true

require "openssl"

module Workflow
  module Secrets
    # Encrypts with a key that is derived from the application's secret, and opens what was encrypted with that one or
    # an earlier one. Made once for the secrets there are: to derive a key takes a while.
    class Box
      PURPOSE = "workflow"
      CIPHER = "aes-256-gcm"
      ITERATIONS = 2**16

      # @param secrets [Array<String>] the newest first
      # @raise [DefinitionError] without one
      def initialize(secrets)
        raise DefinitionError, Box.keyless if secrets.empty?
        require "active_support"
        require "active_support/message_encryptor"
        require "active_support/key_generator"
        @secrets = secrets.dup.freeze
        @encryptors = keys("workflow secrets").map { |key| encryptor(key) }
      end

      # @return [String] what to do without a key
      def self.keyless
        "filter_parameters says what is to be encrypted in the log, and there is no key for it. Set config.secret_key to a secret of at least " \
          "32 bytes (SecureRandom.hex(64)) that is the same in all processes and stays the same; in Rails it is the application's secret_key_base."
      end

      # @return [Boolean] whether it was made of these secrets
      def of?(secrets) = @secrets == secrets

      # @return [String]
      def seal(text) = @encryptors.first.encrypt_and_sign(text, purpose: PURPOSE)

      # @return [String]
      # @raise [KeyMissing] of what none of the keys opens
      def open(sealed)
        @encryptors.each do |encryptor|
          return encryptor.decrypt_and_verify(sealed, purpose: PURPOSE).force_encoding(Encoding::UTF_8)
        rescue ::ActiveSupport::MessageEncryptor::InvalidMessage
          next
        end
        raise KeyMissing, "A value that filter_parameters match was encrypted with a key that this process does not have. Add the secret of " \
          "that time (an earlier secret_key_base) to config.secret_keys in all processes; a run that failed of it goes on with run.retry."
      end

      # @return [Array<String>] by each key
      def digests(text) = digest_keys.map { |key| OpenSSL::HMAC.hexdigest("SHA256", key, text) }

      private
        def digest_keys = @digest_keys ||= keys("workflow digests")

        def keys(salt)
          @secrets.map do |secret|
            ::ActiveSupport::KeyGenerator.new(secret, iterations: ITERATIONS, hash_digest_class: OpenSSL::Digest::SHA256).generate_key(salt, 32)
          end
        end

        # The bytes are ours already, and need no serializer of Rails' choosing.
        def encryptor(key)
          ::ActiveSupport::MessageEncryptor.new(key, cipher: CIPHER, serializer: ::ActiveSupport::MessageEncryptor::NullSerializer)
        end
    end
  end
end
