environment ENV.fetch("RAILS_ENV", "development")
bind "tcp://#{ENV.fetch("HOST", "127.0.0.1")}:#{ENV.fetch("PORT", 3000)}"
threads 3, 3
