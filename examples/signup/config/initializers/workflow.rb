# The log of the runs has a database file of its own.
Workflow.configure do |config|
  config.store = "sqlite:#{ENV.fetch("SIGNUP_STORAGE", "storage")}/#{Rails.env}_workflow.sqlite3"
end
