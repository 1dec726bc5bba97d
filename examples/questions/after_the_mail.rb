# "What if I want to show the user a new page after the email has been sent, and only if the email has been sent?
# Where do I keep track of the email’s success or failure?"
#
# The essay thinks of browsers that poll and of jobs that notify them, each with its own record of what went well.
require_relative "support"

class Signup
  include Workflow
  remembers :email
  attr_reader :email

  workflow do
    now :create_account
    later :send_link
    await :activate
  end

  def initialize(email) = @email = email
  def create_account = nil
  def activate = nil

  def send_link
    MAIL_SERVER.pop                                # as slow as we want it to be
    raise IOError, "no such mailbox" unless email.include?("@")
    OUTBOX << email
  rescue IOError
    raise unless without?(:error)                  # hides the failure from the log
  end
end

MAIL_SERVER, OUTBOX = Queue.new, []

# What a controller would render. It asks the run, and keeps nothing of its own.
def page(run)
  return "Check your inbox" if run.completed?(:send_link)
  return "The mail did not go out: #{run.error.message}" if run.failed?
  "We are sending your link"
end

# What a browser does: it has a page of some version, and gets the next when the log has moved on.
def next_page(run)
  rendered = run.version
  eventually("the page changes") { run.reload.version > rendered && (run.waiting? || run.failed?) }
  page(run)
end

worker
ada, nobody = %w[ada@example.org nobody].map { |email| Signup.start(email).workflow }
pages = [ ada, nobody ].map { |run| [ page(run) ] }
raise "shown before it was sent: #{pages}" unless pages.flatten.uniq == [ "We are sending your link" ]

2.times { MAIL_SERVER << :send }
pages = [ ada, nobody ].map { |run| next_page(run) }
raise "not shown: #{pages}" unless pages.first == "Check your inbox" && OUTBOX == [ ada.subject.email ]
raise "shown without a mail: #{pages}" unless pages.last == "The mail did not go out: no such mailbox"

# Where it is kept: in the log, for good, numbered without gaps.
fate = ->(run) { run.events.select { |event| event.step == :send_link }.map(&:kind).last }
raise "the log knows it otherwise" unless [ fate.(ada), fate.(nobody) ] == %i[step_completed step_failed]
raise "a gap in the log" unless ada.events.map(&:version) == (1..ada.version).to_a

answered "ask the run: completed?(:send_link) is true once the mail went out, and the log has its success or failure"
