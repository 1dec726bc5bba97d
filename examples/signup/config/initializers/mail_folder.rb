require_relative "../../lib/mail_folder"

ActiveSupport.on_load(:action_mailer) do
  add_delivery_method :mail_folder, MailFolder, Rails.configuration.x.mail_folder
  self.delivery_method = :mail_folder
end
