# frozen_string_literal: true

module Workflow
  class Configuration
    # Which values nobody is to see, and what they are encrypted with. Part of Configuration.
    module Secrecy
      FILTERS = [ Symbol, String, Regexp, Proc ].freeze
      LEN_MIN = 32
      NONE = [].freeze

      # @return [Array<Symbol, String, Regexp, Proc>] the names of values that are encrypted in the log and shown nowhere; Rails' own in Rails
      def filter_parameters = @filter_parameters || @defaults[:filter_parameters]&.call || NONE

      # Sets them, as Rails' `config.filter_parameters` has them. Without Rails it needs a {#secret_key=}.
      # @raise [DefinitionError]
      # @example
      #   Workflow.configure { |c| c.filter_parameters = [ :passw, /token/, "card.number" ]; c.secret_key = ENV.fetch("WORKFLOW_SECRET") }
      def filter_parameters=(filters)
        good = filters.nil? || filters.is_a?(Array) && filters.all? { |filter| FILTERS.any? { |type| type === filter } }
        raise DefinitionError, "filter_parameters must be an array of symbols, strings, regular expressions and procs, not #{filters.inspect}." unless good
        @filter_parameters = filters&.dup&.freeze
      end

      # Sets what keys are derived from; in Rails the application's secret_key_base is, if nothing is set.
      # @raise [DefinitionError] of less than 32 bytes
      def secret_key=(secret)
        @secret_key = secret && secret_of(secret, "secret_key")
      end

      # Sets the secrets of earlier times, with which what is in the log can still be opened.
      # @param secrets [Array<String>]
      # @raise [DefinitionError] of less than 32 bytes
      # @example
      #   Workflow.configure { |c| c.secret_keys = [ ENV.fetch("OLD_SECRET_KEY_BASE") ] }
      def secret_keys=(secrets)
        @secret_keys = Array(secrets).map { |secret| secret_of(secret, "secret_keys") }.freeze
      end

      # @return [Array<String>]
      def secret_keys = @secret_keys || NONE

      # @return [Array<String>] the newest first
      # @api private
      def secrets = [ @secret_key || @defaults[:secret_key]&.call, *secret_keys ].compact

      # @raise [DefinitionError] when something is to be encrypted, and there is no key
      # @api private
      def verify
        raise DefinitionError, Secrets::Box.keyless if @filter_parameters&.any? && @secret_key.nil? && @defaults[:secret_key].nil?
      end

      private
        # Never with the secret in the message.
        def secret_of(secret, name)
          return secret.dup.freeze if secret.is_a?(String) && secret.bytesize >= LEN_MIN
          raise DefinitionError, "#{name}: a secret is a string of at least #{LEN_MIN} bytes, such as SecureRandom.hex(64) gives."
        end
    end
  end
end
