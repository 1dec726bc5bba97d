class SignupMailer < ActionMailer::Base
  class ServerBusy < StandardError; end

  default from: "Signup <hello@signup.example>"
  before_deliver :rehearse_failure

  def activation(signup)
    @signup = signup
    mail to: signup.email, subject: "Your activation link"
  end

  private
    # The form's checkbox: the first two attempts fail, so that a person sees the third one go through.
    def rehearse_failure
      return unless @signup.rehearse_failure? && @signup.workflow.attempt.to_i.between?(1, 2)
      raise ServerBusy, "The mail server is busy."
    end
end
