# What ties this database to the log of the gem workflow: runs and inputs that count only if a transaction commits, and
# receipts of steps whose changes are committed, which stay as long as the runs do.
class CreateWorkflowReceipts < ActiveRecord::Migration[7.2]
  def change
    create_table :workflow_receipts do |t|
      t.string :token, null: false, index: { unique: true }
      t.string :kind, null: false
      t.string :run_id, index: true
      t.text :payload, limit: 16.megabytes - 1
      t.datetime :pending_since, index: true
      t.datetime :created_at, null: false
    end
  end
end
