# frozen_string_literal: true

module Bench
  class OurItem < Item
    include Workflow
  end

  class OurSignup < ActiveRecord::Base
    self.table_name = "signups"
    include SignupSteps
    include Workflow

    workflow do
      now   :create_account
      later :send_link
      await :activate, fields: { code: String }
      later :start_onboarding
    end
  end
end
