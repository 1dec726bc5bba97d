# frozen_string_literal: true

require "erb"

# The table that `rails generate workflow:install` makes, in the database that Active Record is connected to.
module ReceiptsTable
  TEMPLATE = File.expand_path("../../lib/generators/workflow/install/templates/create_workflow_receipts.rb.erb", __dir__)

  def self.create
    require "active_record"
    Object.class_eval(ERB.new(File.read(TEMPLATE)).result, TEMPLATE) unless Object.const_defined?(:CreateWorkflowReceipts)
    ActiveRecord::Migration.suppress_messages { Object.const_get(:CreateWorkflowReceipts).migrate(:up) }
    Workflow::Receipts.forget
  end

  # The start of a record's workflow, as a process leaves it that dies after its commit.
  def self.leave(record)
    klass = record.class
    intent = Workflow::Intent.start(klass.name).about(Workflow::Subject.of(record), klass.workflow)
    klass.transaction { intent.write(Workflow::Receipts.of(klass)) }
  end

  # While the block runs, no row can be deleted.
  def self.undeletable
    connection = ActiveRecord::Base.connection
    forbid, allow = {
      "SQLite" => [ "CREATE TRIGGER never BEFORE DELETE ON workflow_receipts BEGIN SELECT RAISE(ABORT, 'never'); END", "DROP TRIGGER never" ],
      "PostgreSQL" => [ "CREATE RULE never AS ON DELETE TO workflow_receipts DO INSTEAD SELECT 1 / 0", "DROP RULE never ON workflow_receipts" ]
    }.fetch(connection.adapter_name)
    connection.execute(forbid)
    yield
  ensure
    connection.execute(allow)
  end

  # @return [Array<String>] the tokens of what the log is still to be told
  def self.pending = ActiveRecord::Base.connection.select_values("SELECT token FROM workflow_receipts WHERE pending_since IS NOT NULL ORDER BY token")

  # @return [Array<String>] all tokens
  def self.tokens = ActiveRecord::Base.connection.select_values("SELECT token FROM workflow_receipts ORDER BY token")
end
