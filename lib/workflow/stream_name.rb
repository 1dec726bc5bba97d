# frozen_string_literal: true

module Workflow
  # The name of a run's live stream as it stands in a page: signed, so that nobody follows a run that was not shown
  # to them.
  module StreamName
    # @param run [Run]
    # @return [String]
    def self.sign(run) = verifier.generate(run.id, purpose: :stream)

    # @return [String, nil] the id of the run
    def self.verify(name) = name && verifier.verified(name, purpose: :stream)

    def self.verifier = ::Rails.application.message_verifier("workflow")
    private_class_method :verifier
  end
end
