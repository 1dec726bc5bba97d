# frozen_string_literal: true

class VoyagesController < ActionController::Base
  skip_forgery_protection
  layout "site"
  before_action { @voyage = Voyage.new(params[:number]) if params[:number] }

  def show = @neighbour = Voyage.new(params[:neighbour] || @voyage.number)
  def papers = @neighbour = Voyage.new(params[:neighbour] || @voyage.number)
  def elsewhere = nil

  def embark
    @voyage.start
    head :ok
  end

  def stamp
    head @voyage.submit(:stamp, seal: params[:seal]).accepted? ? :ok : :unprocessable_entity
  end

  def again
    @voyage.workflow.retry
    head :ok
  end
end
