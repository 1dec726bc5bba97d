class Account < ApplicationRecord
  has_one :signup, dependent: :nullify

  def activate! = update!(active_at: Time.current)
  def onboard! = update!(onboarded_at: Time.current)
end
