# What the bank stands on: the gem, a database and a log, both in a directory of its own, or the database at DATABASE_URL.
ENV["BUNDLE_GEMFILE"] ||= File.expand_path("../../Gemfile", __dir__)
ENV["WORKFLOW_ENV"] = "example"
$LOAD_PATH.unshift File.expand_path("../../lib", __dir__)
require "bundler/setup"
require "workflow"
require "active_record"
require "sqlite3"
require "erb"
require "tmpdir"
require_relative "../../bin/support/eventually"

DIRECTORY = Dir.mktmpdir("workflow-transfer")
at_exit { FileUtils.rm_rf(DIRECTORY) } # of this process: the others end by exit! or are killed

Workflow.configure do |config|
  config.store = "sqlite:#{DIRECTORY}/log.sqlite3"
  config.file = "#{DIRECTORY}/workflow.yml"
end

# WITHOUT=transaction ruby kills.rb: the same with that taken away. The sum is then wrong.
def without?(feature) = ENV["WITHOUT"] == feature.to_s

# As Rails 8 does it: a thread that waits for another's write lets the others go on meanwhile. Rails 7.2 would hold them all up.
module PatientSqlite
  def configure_connection
    super
    @raw_connection.busy_handler_timeout = 10_000
  end
end
ActiveSupport.on_load(:active_record_sqlite3adapter) { prepend PatientSqlite }

# Children do not use their parent's connections: Active Record gives them new ones.
SQLite3::ForkSafety.suppress_warnings!

# A database that is empty: nothing here overwrites tables.
ActiveRecord::Base.establish_connection(ENV["DATABASE_URL"] ||
  { adapter: "sqlite3", database: "#{DIRECTORY}/bank.sqlite3", pool: 10, default_transaction_mode: :immediate })
ActiveRecord::Migration.verbose = false
ActiveRecord::Schema.define do
  create_table(:accounts) { |t| t.integer :balance, null: false }
  create_table(:entries) { |t| t.integer :transfer_id; t.integer :account_id; t.integer :amount; t.index :transfer_id }
  create_table(:letters) { |t| t.integer :number }
  create_table(:transfers) do |t|
    t.integer :number, null: false
    t.integer :payer_id, :payee_id, :amount, null: false
    t.integer :approvals, null: false, default: 0
    t.string :approved_by
  end
end

# In Rails: bin/rails generate workflow:install, bin/rails db:migrate.
install = File.expand_path("../../lib/generators/workflow/install/templates/create_workflow_receipts.rb.erb", __dir__)
eval(ERB.new(File.read(install)).result)
CreateWorkflowReceipts.migrate(:up)

# Processes, each at a job that it would do for ever or until it is done. Any may be killed: another then does its job.
class Crew
  def initialize
    @jobs = {}
    @ours, @theirs = IO.pipe
    at_exit { @jobs.each_key { |pid| end_one(pid) } }
  end

  def hire(&job)
    pid = fork do
      @theirs.close
      Thread.new { @ours.read && exit!(1) } # nobody outlives the one that hired them
      job.call
      exit!(0)
    rescue Exception => error
      warn error.full_message
      exit!(1)
    end
    @jobs[pid] = job
  end

  # kill -9 one of those at work, wherever it is; another does its job.
  def kill_one(random)
    pid = @jobs.keys[random.rand(@jobs.size)]
    job = @jobs.delete(pid)
    return if end_one(pid) == 0
    hire(&job)
  end

  private
    # @return [Integer, nil] its exit status, if it had ended by itself
    def end_one(pid)
      Process.kill(:KILL, pid)
      Process.wait2(pid).last.exitstatus.tap { |status| raise "process #{pid} failed" if status && status != 0 }
    end
end

include Eventually
