class Signups::RetriesController < ApplicationController
  include SignupScoped

  def create
    @signup.workflow.retry
    redirect_to @signup, status: :see_other
  end
end
