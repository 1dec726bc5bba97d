# The code before the deploy.
require_relative "support"

class Order
  workflow do
    later :reserve
    later :charge
    later :send_receipt
    await :confirm
    later :count_stock
    later :pack
    later :ship
  end

  def reserve = effect("reserve")
  def charge = effect("charge")
  def send_receipt = effect("send_receipt")
  def confirm = effect("confirm")
  def count_stock = effect("count_stock")
  def pack = effect("pack")
  def ship = effect("ship")
end
