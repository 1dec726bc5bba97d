require_relative "boot"

require "rails"
require "active_job/railtie"
require "active_record/railtie"
require "action_controller/railtie"
require "action_view/railtie"
require "action_mailer/railtie"
require "action_cable/engine"

Bundler.require(*Rails.groups)

module SignupExample
  # SIGNUP_STORAGE, SIGNUP_MAILS and SIGNUP_LOG move the folders that the app writes to, for a test or a
  # second copy beside the first.
  class Application < Rails::Application
    config.load_defaults 7.2
    # The mail "server": a folder, and the seconds that a delivery takes, as a real one would.
    config.x.mail_folder = {
      path: ENV.fetch("SIGNUP_MAILS") { root.join("tmp/mails").to_s },
      seconds: ENV.fetch("SIGNUP_MAIL_SECONDS", "1.5").to_f
    }

    config.paths["log"] = "#{ENV.fetch("SIGNUP_LOG", "log")}/#{Rails.env}.log"
    config.active_record.dump_schema_after_migration = false
    config.filter_parameters += [ :token ]
    config.action_mailer.raise_delivery_errors = true
    config.action_mailer.default_url_options = {
      host: "127.0.0.1", port: ENV.fetch("PORT", "3000").to_i
    }
  end
end
