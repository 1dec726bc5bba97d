require "mail"

# A mail in the folder that the app's mails are delivered to. Read only.
class Letter
  include ActiveModel::Model
  attr_accessor :id, :mail
  delegate :subject, :date, to: :mail

  class << self
    def all = files.map { |file| read(file) }

    def find(id)
      file = files.find { |candidate| name(candidate) == id }
      file ? read(file) : raise(ActiveRecord::RecordNotFound, "No such letter.")
    end

    private
      def files = Pathname(Rails.configuration.x.mail_folder.fetch(:path)).glob("*.eml").sort.reverse
      def name(file) = file.basename(".eml").to_s
      def read(file) = new(id: name(file), mail: Mail.new(file.binread))
  end

  def to_param = id
  def to = mail.to.to_sentence
  def lines = mail.body.decoded.force_encoding(Encoding::UTF_8).scrub.lines(chomp: true).compact_blank
end
