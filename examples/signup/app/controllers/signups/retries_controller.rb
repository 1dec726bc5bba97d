class Signups::RetriesController < ApplicationController
  def create
    @signup = Signup.find_by!(token: params[:signup_token])
    @signup.workflow.retry
    redirect_to @signup, status: :see_other
  end
end
