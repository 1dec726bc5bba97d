# "Some steps run in the foreground, some in the background, some need user input"
#
# The essay's "mixed-execution workflow": a person is one of those who carry out steps, in the middle of the others.
require_relative "support"

class Signup
  include Workflow
  remembers :email
  attr_reader :email

  workflow do
    later :send_link
    await :activate
    now   :start_onboarding
    later :send_welcome
  end

  def initialize(email) = @email = email
  def send_link = nil
  def start_onboarding = ONBOARDED << [ email, workflow.input(:activate)[:code], Thread.current ]
  def send_welcome = nil

  # Gets the input as keywords and judges it.
  def activate(code:)
    reject "That code is not the one we sent." unless code == "1234" || without?(:reject)
  end
end

ONBOARDED = []
signup = Signup.start("ada@example.org")
early = signup.submit(:activate, code: "1234")
raise "taken before it was asked for" if early.accepted?

# In the background, up to where a person is needed. There it waits, and holds no thread.
background = worker
eventually("it waits for a person") { signup.workflow.waiting_for?(:activate) }
background.stop

# Refused: the form gets the reason, and the run goes on waiting.
wrong = signup.submit(:activate, code: "4321")
raise "a wrong code was accepted" if wrong.accepted?
raise "no reason: #{wrong.errors.full_messages}" unless wrong.errors.full_messages == [ "That code is not the one we sent." ]
raise "it no longer waits" unless wrong.run.waiting_for?(:activate) && wrong.run.events.last.kind == :input_rejected

# Accepted: recorded, and the `now` step that follows has run when submit returns, here, on this thread.
right = signup.submit(:activate, code: "1234")
raise "the right code was refused" unless right.accepted? && right.run.completed?(:start_onboarding)
raise "not in the same breath: #{ONBOARDED}" unless ONBOARDED == [ [ "ada@example.org", "1234", Thread.current ] ]
raise "the worker's step ran here" unless right.run.step(:send_welcome).ready?

# Once: who submits again hears so, and nothing runs twice.
again = signup.submit(:activate, code: "1234")
raise "accepted twice" if again.accepted? || ONBOARDED.size != 1
raise "says something else: #{again.errors.full_messages}" unless again.errors.full_messages == [ "activate is already done." ]

worker
eventually("the background goes on") { signup.workflow.done? }

answered "an awaited step takes its input once and judges it, and the run goes on in the same breath"
