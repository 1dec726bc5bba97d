Rails.application.routes.draw do
  root "signups#new"

  resources :signups, only: %i[create show], param: :token do
    resource :retry, only: :create, module: :signups
  end

  resources :letters, only: %i[index show], path: "inbox"
end
