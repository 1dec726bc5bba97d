class Account < ApplicationRecord
  has_one :signup, dependent: :nullify
  has_secure_token :code

  def activate(given)
    update!(active_at: Time.current) if ActiveSupport::SecurityUtils.secure_compare(code, given.to_s)
  end

  def onboard! = update!(onboarded_at: Time.current)
end
