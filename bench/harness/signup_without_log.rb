# frozen_string_literal: true

require_relative "application"

module Bench
  # The signup of those that have jobs and no workflow: its state is its own, and who changes it enqueues what follows.
  class Signup < ActiveRecord::Base
    self.table_name = "signups"
    include SignupSteps
  end
end
