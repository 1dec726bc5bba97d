# frozen_string_literal: true

Rails.application.routes.draw do
  get "elsewhere", to: "voyages#elsewhere"
  resources :voyages, only: :show, param: :number do
    member do
      get :papers
      post :embark, :stamp, :again
    end
  end
end
