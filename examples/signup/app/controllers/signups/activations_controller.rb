class Signups::ActivationsController < ApplicationController
  include SignupScoped

  def show
    @code = params.permit(:code)[:code]
  end

  def create
    @code = params.permit(:code)[:code]
    @submission = @signup.submit(:activate, code: @code)

    if @submission.accepted?
      redirect_to @signup, status: :see_other
    else
      render :show, status: :unprocessable_entity
    end
  end
end
