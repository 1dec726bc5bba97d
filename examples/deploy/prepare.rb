# A process with the old code: 1,000 orders, brought to each of the seven steps in turn.
require_relative "before"

STEPS = Order.workflow.steps.map(&:name)

Integer(ENV.fetch("ORDERS", 1000)).times do |number|
  order = Order.start(number)
  STEPS.first(number % STEPS.size).each { |step| step == :confirm ? order.submit!(step) : order.now!(step) }
end
