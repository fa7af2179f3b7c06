Rails.application.routes.draw do
  root "books#index"
  resources :books, only: %i[create update destroy]
  resource :session, only: %i[create destroy]
end
