# The code of the bank. What it promises is in two words: `transaction: true`.
require_relative "support"

class Account < ActiveRecord::Base
  # In the database, not here: many transfers change an account at once.
  def change(by) = self.class.where(id: id).update_all([ "balance = balance + ?", by ])
end

# A line in the books.
class Entry < ActiveRecord::Base; end

# What goes to the customer with the transfer, or not at all.
class Letter < ActiveRecord::Base; end

class Transfer < ActiveRecord::Base
  include Workflow
  LARGE = 800
  belongs_to :payer, class_name: "Account"
  belongs_to :payee, class_name: "Account"

  workflow do
    later :withdraw, transaction: !without?(:transaction)  # the money, the entry, and that it is done: one commit
    await :approve, if: :large?, fields: { by: String }    # of records, that is so by itself
    later :deposit, transaction: !without?(:transaction)
  end

  def withdraw = book(payer, -amount)
  def approve(by:) = update!(approvals: approvals + 1, approved_by: by)
  def deposit = book(payee, amount)
  def large? = amount >= LARGE

  private
    def book(account, by)
      account.change(by)
      sleep 0.01 # time in which to be killed
      Entry.create!(transfer_id: id, account_id: account.id, amount: by)
    end
end

# What a customer wants. Whoever does not know whether it was sent sends it again.
Order = Struct.new(:number, :payer_id, :payee_id, :amount) do
  def send_in
    case number % 4
    when 0 # record and run are one: where there is the one, there is the other
      Transfer.start(to_h) unless Transfer.exists?(number: number)
    when 1 # one of them counts, whoever sends it, and however often
      2.times { Transfer.new(to_h).start(key: "order #{number}") }
    when 2 # with something else, or not at all
      Transfer.transaction { Transfer.start(to_h) && Letter.create!(number: number) } unless Letter.exists?(number: number)
    when 3 # the customer thinks better of it
      Transfer.transaction { Transfer.start(to_h) && raise(ActiveRecord::Rollback) }
    end
  end

  def withdrawn? = number % 4 == 3
end
