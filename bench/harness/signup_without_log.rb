# frozen_string_literal: true

require_relative "application"

module Bench
  # The signup of those that have jobs and no workflow: its state is its own, and who changes it enqueues what follows.
  class Signup < ActiveRecord::Base
    self.table_name = "signups"
    include SignupSteps

    # @yieldparam signup [Signup] within the transaction, to be handed to a job
    # @return [Signup]
    def self.sign_up(number) = transaction { create!(number: number).tap(&:create_account).tap { |signup| yield signup if block_given? } }

    # The same, of one that is there.
    def self.activate(number)
      transaction { find_by!(number: number).tap { |signup| signup.activate(code: SignupSteps::CODE) }.tap { |signup| yield signup if block_given? } }
    end
  end
end
