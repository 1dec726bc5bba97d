Rails.application.configure do
  config.enable_reloading = false
  config.eager_load = true
end
