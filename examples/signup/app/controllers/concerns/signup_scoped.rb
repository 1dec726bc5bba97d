# For what lies below /signups/:signup_token.
module SignupScoped
  extend ActiveSupport::Concern

  included do
    before_action { @signup = Signup.find_by!(token: params[:signup_token]) }
  end
end
