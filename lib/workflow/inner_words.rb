# frozen_string_literal: true

module Workflow
  # The private words that `include Workflow` adds to an object, for use inside its steps.
  module InnerWords
    private
      # Leaves the step: an await goes on waiting and its submission returns the message; another step fails at once.
      # Leaves by throw, so that `rescue` does not catch it and `ensure` runs.
      # @param message [String] why, in words for the person who submitted
      # @raise [Error] outside a step
      # @example
      #   def activate(code:) = (reject "Not the code we sent." unless code == self.code)
      def reject(message) = Workflow::Execution.reject(message)
  end
end
