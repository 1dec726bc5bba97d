# The code after the deploy: a step is renamed, one is inserted, one is removed, and two have changed places.
require_relative "support"

class Order
  workflow do
    renamed :send_receipt, to: :mail_receipt unless without?(:renamed)
    later :reserve
    later :check_fraud
    later :charge
    later :mail_receipt
    await :confirm
    later :ship
    later :pack
  end

  def reserve = effect("reserve")
  def check_fraud = effect("check_fraud")
  def charge = effect("charge")
  def mail_receipt = effect("mail_receipt")
  def confirm = effect("confirm")
  def ship = effect("ship")
  def pack = effect("pack")
end
