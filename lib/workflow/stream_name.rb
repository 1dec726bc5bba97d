# frozen_string_literal: true

require "zlib"

module Workflow
  # The name of a run's live stream as it stands in a page: which run, for whom (`config.viewer`), and until when. Signed, so
  # that nobody follows a run that was not shown to them. Of one hour the names of a run for a viewer are all the same; that
  # hour begins at another second for each, or all pages of all people would ask for new names at once.
  StreamName = Struct.new(:run_id, :viewer, :expires_at) do
    # @param run [Run]
    # @param viewer [String, nil] from {.viewer}
    # @return [String]
    # @example
    #   Workflow::StreamName.sign(run, Workflow::StreamName.viewer(controller))
    def self.sign(run, viewer = nil)
      past_the_hour = Zlib.crc32("#{run.id} #{viewer}") % self::HOUR
      hours = (Time.now.to_i + Workflow.configuration.stream_expires_in - past_the_hour).fdiv(self::HOUR).ceil
      expires_at = hours * self::HOUR + past_the_hour
      verifier.generate([ run.id, viewer, expires_at ], purpose: :stream)
    end

    # Whatever comes in: nothing raises, and nothing says what was wrong. An expired name is read too.
    # @return [StreamName, nil]
    def self.read(text)
      return unless text.instance_of?(String) && text.bytesize <= self::LEN_MAX && text.valid_encoding?
      run_id, viewer, expires_at = verifier.verified(text, purpose: :stream)
      new(run_id, viewer, expires_at) if run_id.is_a?(String) && expires_at.is_a?(Integer)
    end

    # @param who [ActionController::Metal, ActionCable::Connection::Base] who shows the page, or who listens
    # @return [String, nil] what `config.viewer` says; nil where nobody is told apart
    def self.viewer(who) = Workflow.configuration.viewer&.call(who)&.to_s

    def self.verifier = ::Rails.application.message_verifier("workflow")
    private_class_method :verifier

    # @return [Numeric] seconds from now; below 0 when it is over
    def remaining = expires_at - Time.now.to_f

    # @return [Boolean]
    def expired? = remaining <= 0
  end
  StreamName::HOUR = 3600
  StreamName::LEN_MAX = 2048
end
