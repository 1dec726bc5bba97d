# A delivery method that writes each mail to a file instead of talking to a mail server. It takes a
# moment, as a server would, and a mail is in the folder as a whole or not at all.
class MailFolder
  attr_reader :settings

  def initialize(settings)
    @settings = settings
  end

  def deliver!(mail)
    folder.mkpath
    part = folder.join("#{Time.current.strftime("%Y%m%d%H%M%S%6N")}-#{SecureRandom.hex(4)}.part")
    part.binwrite(mail.encoded)
    sleep settings.fetch(:seconds)
    part.rename(part.sub_ext(".eml"))
  end

  private
    def folder = Pathname(settings.fetch(:path))
end
