# frozen_string_literal: true

require_relative "scenario"

# The paths of "together or not at all".
module Steps
  module_function

  def start = Order.start(name: "x")
  def beside(&block) = Order.transaction { Note.create!(text: "beside") && block.call }
  def recovery = Workflow::Recovery.new(Workflow.configuration)
  def sweep = recovery.sweep(age_s: 0)
  def doubts? = Workflow.engine.doubts(1).any?
  def until_true = (sleep 0.002 until yield)

  # Done by a worker here; the log is asked, and the application's database only by the steps.
  def work(until_state, run = Order.first.workflow)
    Workflow::Worker.new(threads: 1).start
    until_true { run.reload.state == until_state }
  end
end

only_with = ->(facts) { "#{facts.notes} notes, but #{facts.runs.size} runs" unless facts.notes == facts.runs.size }
accepted = ->(facts) { "#{facts.notes} notes, but #{facts.confirmed} inputs" unless facts.notes == facts.confirmed }
cancelled = ->(facts) { "#{facts.notes} notes, but the run is #{facts.runs.first.state}" unless (facts.notes == 1) == facts.runs.first.cancelled? }
destroyed = lambda do |facts|
  gone = facts.notes == 1
  "#{facts.notes} notes, #{facts.orders.size} records, but the run is #{facts.runs.first.state}" unless [ facts.orders.empty?, facts.runs.first.cancelled? ] == [ gone, gone ]
end
unaccepted = ->(facts) { "an input was accepted" unless facts.confirmed.zero? }
certainly = ->(facts) { "no input was accepted" unless facts.confirmed == 1 }

Scenario.define("Klass.start") do
  act { Steps.start }
end

Scenario.define("Klass.start in a transaction") do
  act { Steps.beside { Steps.start } }
  check(&only_with)
end

Scenario.define("start of a record in a transaction") do
  before { Order.create!(name: "bare") }
  act { Steps.beside { Order.first.start } }
  check(&only_with)
end

Scenario.define("start(key:)") do
  act { Order.new(name: "x").start(key: "k") }
  check do |facts|
    Order.new(name: "x").start(key: "k")
    facts.settle
    "#{facts.orders.size} records and #{facts.runs.size} runs have one key" unless [ facts.orders.size, facts.runs.size ] == [ 1, 1 ]
  end
end

Scenario.define("start(key:) that was taken in a transaction") do
  before(killed: "application after COMMIT#1") { Order.new(name: "x").start(key: "k") }
  act { Steps.beside { Order.new(name: "second").start(key: "k") } }
  check { |facts| "the second is there" unless facts.orders.map(&:name) == [ "x" ] }
end

Scenario.define("later(:method) in a transaction") do
  before { Order.create!(name: "bare") }
  act { Steps.beside { Order.first.later(:ship) } }
  check do |facts|
    [ only_with.call(facts), ("shipped #{facts.orders.first.shipped} times, with #{facts.runs.size} runs" unless facts.orders.first.shipped == facts.runs.size) ]
  end
end

Scenario.define("cancel in a transaction") do
  before { Steps.start }
  act { Steps.beside { Order.first.workflow.cancel(reason: "no") } }
  check(&cancelled)
end

Scenario.define("destroy of a record") do
  before { Steps.start }
  act { Steps.beside { Order.first.destroy! } }
  check(&destroyed)
end

Scenario.define("submit on a record") do
  before { Steps.start }
  act { Order.first.submit(:confirm) }
end

Scenario.define("submit in a transaction") do
  before { Steps.start }
  act { Steps.beside { Order.first.submit(:confirm) } }
  check(&accepted)
end

Scenario.define("submit that is rejected") do
  before { Steps.start }
  act { Order.first.submit(:confirm, amount: 10) }
  check(&unaccepted)
end

Scenario.define("start and submit in a transaction that is rolled back") do
  before { Steps.start }
  act do
    Steps.beside do
      Steps.start
      Order.first.submit(:confirm)
      raise ActiveRecord::Rollback
    end
  end
  check { |facts| "#{facts.notes} notes, #{facts.orders.size} records, #{facts.confirmed} inputs" unless [ facts.notes, facts.orders.size, facts.confirmed ] == [ 0, 1, 0 ] }
end

Scenario.define("start in savepoints, one of which is rolled back") do
  act do
    Steps.beside do
      Order.transaction(requires_new: true) { Order.start(name: "gone") && raise(ActiveRecord::Rollback) }
      Order.transaction(requires_new: true) { Steps.start }
    end
  end
  check { |facts| only_with.call(facts) || ("the one that was rolled back is there" if facts.orders.any? { |order| order.name == "gone" }) }
end

Scenario.define("transaction: true by a caller") do
  before { Order.create!(name: "bare") }
  act { Order.first.start }
end

Scenario.define("transaction: true by a worker") do
  before { Steps.start.submit(:confirm) }
  act { Steps.work(:done) }
  check(&certainly)
end

Scenario.define("transaction: true once more, after a round that failed") do
  before do
    Order.start(name: "broken")
    Order.update_all(name: "x")
  end
  act { Steps.work(:waiting, Order.first.workflow.retry) }
end

Scenario.define("an input that came early") do
  before { Order.create!(name: "x").then { |order| order.start(place: :later) && order.submit(:confirm) } }
  act { Steps.work(:done) }
  check(&certainly)
end

Scenario.define("recovery of a start") do
  before(killed: "application after COMMIT#1") { Steps.beside { Steps.start } }
  act { Steps.sweep }
  check(&only_with)
end

Scenario.define("recovery of a cancel") do
  before { Steps.start }
  before(killed: "application after COMMIT#1") { Steps.beside { Order.first.workflow.cancel } }
  act { Steps.sweep }
  check(&cancelled)
end

Scenario.define("recovery of a destroy") do
  before { Steps.start }
  before(killed: "application after COMMIT#1") { Steps.beside { Order.first.destroy! } }
  act { Steps.sweep }
  check(&destroyed)
end

{ "after" => [ "accepted", certainly ], "before" => [ "not accepted", unaccepted ] }.each do |moment, (verdict, check)|
  Scenario.define("recovery of a submit that is #{verdict}") do
    before { Steps.start }
    before(killed: "application #{moment} COMMIT#1") { Order.first.submit(:confirm) }
    before { Steps.until_true { Steps.doubts? } }
    act { Steps.sweep }
    check(&check)
  end
end

Scenario.define("submit where another's is in doubt") do
  before { Steps.start }
  before(killed: "application before COMMIT#1") { Order.first.submit(:confirm) }
  before { Steps.until_true { Steps.doubts? } }
  act { Order.first.submit(:confirm) }
end
