class Signups::RetriesController < ApplicationController
  # Whoever says so twice, or too late, is shown how it stands.
  rescue_from(Workflow::NotPending) { redirect_to @signup, status: :see_other }

  def create
    @signup = Signup.find_by!(token: params[:signup_token])
    @signup.workflow.retry
    redirect_to @signup, status: :see_other
  end
end
