class Signup < ApplicationRecord
  include Workflow

  belongs_to :account, optional: true
  has_secure_token
  validates :email, presence: true, format: { with: URI::MailTo::EMAIL_REGEXP, allow_blank: true }

  workflow do
    now   :create_account
    later :send_activation_link, retries: 5, backoff: 2
    await :activate, by: :link, expires_in: 3.days, otherwise: :expire
    later :start_onboarding
  end

  def create_account = update!(account: account || Account.new(email: email))
  def send_activation_link = SignupMailer.activation(self).deliver_now

  def activate = account.activate!
  def start_onboarding = account.onboard!
  def expire = account&.destroy!

  def to_param = token
end
