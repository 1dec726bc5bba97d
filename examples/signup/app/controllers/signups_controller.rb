class SignupsController < ApplicationController
  def new
    @signup = Signup.new
  end

  def create
    @signup = Signup.start(params.require(:signup).permit(:email, :rehearse_failure))

    if @signup.persisted?
      redirect_to @signup, status: :see_other
    else
      render :new, status: :unprocessable_entity
    end
  end

  def show
    @signup = Signup.find_by!(token: params[:token])
  end
end
