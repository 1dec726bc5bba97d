# "What happens if the account is created, but the email fails to send? Does the failure recovery strategy depend on
# whether the step runs in a controller or a job?"
#
# In the essay the account is made by a job, and the mail by another, each with the recovery of the place it runs in.
require_relative "support"
require "active_record"

ActiveRecord::Base.establish_connection(adapter: "sqlite3", database: "#{DIRECTORY}/app.sqlite3", pool: 5, timeout: 5000)
ActiveRecord::Migration.suppress_messages do
  ActiveRecord::Schema.define do
    create_table(:accounts) { |t| t.string :email }
    create_table(:signups) { |t| t.string :email; t.integer :busy_for, default: 0 }
  end
end

class Account < ActiveRecord::Base; end

class Signup < ActiveRecord::Base
  include Workflow

  workflow :patient do
    now :create_account
    now :send_link, retries: without?(:retries) ? 0 : 1, backoff: 0
  end

  workflow :strict do
    now :create_account
    now :send_link
  end

  def create_account = Account.create!(email: email)

  # The mail server is busy for so many mails.
  def send_link
    return if busy_for.zero?
    decrement!(:busy_for)
    raise IOError, "the mail server is busy"
  end
end

worker
settled = ->(run) { eventually("it is done or failed") { run.reload.then { run if run.done? || run.failed? } } }
sign_up = ->(workflow, place) { settled.(Signup.create!(email: "#{workflow}-#{place}@example.org", busy_for: 1).start(workflow, place: place)) }

%i[patient strict].each do |workflow|
  controller, job = sign_up.(workflow, :now), sign_up.(workflow, :later)

  # The same facts, attempt by attempt; only who did it differs.
  raise "the place changed what happens" unless controller.events.map(&:signature) == job.events.map(&:signature)
  raise "not here" if controller.step(:create_account).by.start_with?("worker:")
  raise "not in a worker" unless job.step(:create_account).by.start_with?("worker:")

  [ controller, job ].each do |run|
    raise "#{workflow}: #{run.state}" unless workflow == :patient ? run.done? : run.failed?
    settled.(run.retry) if run.failed? # a person, when the mail server is back
    raise "the mail was never sent" unless run.done? && run.completed?(:send_link)
    raise "the account was not made once" unless Account.where(email: run.subject.email).count == 1
  end
end

answered "the account stays, once; the mail is tried again as its step says, and no, the place does not matter"
