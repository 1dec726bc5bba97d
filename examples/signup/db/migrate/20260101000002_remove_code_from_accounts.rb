# The link in the mail is signed and stored nowhere.
class RemoveCodeFromAccounts < ActiveRecord::Migration[7.2]
  def change
    remove_column :accounts, :code, :string
  end
end
