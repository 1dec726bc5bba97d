class CreateSignupsAndAccounts < ActiveRecord::Migration[7.2]
  def change
    create_table :accounts do |t|
      t.string :email, null: false
      t.string :code, null: false
      t.datetime :active_at
      t.datetime :onboarded_at
      t.timestamps
    end

    create_table :signups do |t|
      t.string :token, null: false, index: { unique: true }
      t.string :email, null: false
      t.boolean :rehearse_failure, null: false, default: false
      t.references :account, foreign_key: true
      t.timestamps
    end
  end
end
