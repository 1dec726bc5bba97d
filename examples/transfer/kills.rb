# "What happens to the money if the process dies after it has taken it, and before it has noted that it did?"
#
# Here it does, again and again: customers order transfers, workers move the money, a clerk approves the large ones, and all of
# them are killed at random, each by kill -9 and in the middle of whatever it does. The sum of all balances never changes.
#
#   ruby kills.rb                        SEED=7 repeats the orders and the choices; ORDERS=160, KILLS=40
#   DATABASE_URL=postgresql:///bank_example ruby kills.rb   an empty database elsewhere
require_relative "bank"

SEED = Integer(ENV.fetch("SEED") { Random.new_seed % 1_000_000 })
ORDERS = Integer(ENV.fetch("ORDERS", 160))
KILLS = Integer(ENV.fetch("KILLS", 40))
RANDOM = Random.new(SEED)
puts "seed #{SEED}, #{ActiveRecord::Base.connection.adapter_name}"

def demand(what, is, wanted) = is == wanted || raise("#{what}: #{is.inspect}, not #{wanted.inspect} (SEED=#{SEED})")

accounts = Array.new(6) { Account.create!(balance: 10_000).id }
orders = Array.new(ORDERS) { |number| Order.new(number, *accounts.sample(2, random: RANDOM), RANDOM.rand(1..999)) }
before = Account.sum(:balance)

worker = -> { Workflow::Worker.new(threads: 2).start && sleep }

# A customer ticks off what was sent. What is ticked off too late is sent again.
customer = lambda do |name, list|
  ticked = "#{DIRECTORY}/#{name}"
  list.drop(File.exist?(ticked) ? File.readlines(ticked).size : 0).each do |order|
    order.send_in
    File.write(ticked, "#{order.number}\n", mode: "a")
    sleep 0.04
  end
end

clerk = lambda do
  loop do
    position = Workflow.engine.last_position
    Transfer.workflows.waiting.each { |run| run.submit(:approve, by: "clerk #{Process.pid}") }
    Workflow.engine.wait_log(position, 200)
  end
end

crew = Crew.new
3.times { crew.hire(&worker) }
orders.partition { |order| order.number.even? }.each_with_index { |list, index| crew.hire { customer.call("customer-#{index}", list) } }
crew.hire(&clerk)

# Not by the clock but by the work: after so many steps more. A faster machine is killed faster.
wanted = orders.reject(&:withdrawn?)
done = -> { Transfer.workflows.done.count == wanted.size }
position = kills = 0
until kills == KILLS || done.call
  steps = RANDOM.rand(1..5)
  eventually("some more steps are done") do
    events = Workflow.events(after: position, limit: 1000)
    position = events.last.position if events.any?
    steps -= events.count { |event| event.kind == :step_completed }
    steps <= 0 || done.call
  end
  sleep RANDOM.rand / 50
  crew.kill_one(RANDOM)
  kills += 1
end

# What was committed by processes that died before they told the log: any process tells it, soon after its start and every
# half minute. In Rails `rake workflow:settle` does not wait so long. A step that was killed three times waits for a person: here we are.
settle = -> { Workflow::Recovery.new(Workflow.configuration).sweep(age_s: 0) }
eventually("all that was ordered is done", within: 60) do
  settle.call
  Transfer.workflows.failed.each(&:retry)
  done.call
end

# 1. The money.
again = Workflow.events(after: 0, limit: 100_000).count { |event| event.kind == :lease_lost }
puts "#{kills} kills, #{Transfer.count} transfers, #{again} steps begun again"
demand "the sum of all balances", Account.sum(:balance), before

# 2. Each transfer: there once, with its run, its two lines in the books, and the approval that it needed.
demand "the transfers", Transfer.order(:number).pluck(:number), wanted.map(&:number)
demand "the runs", Transfer.workflows.map(&:state).tally, { done: wanted.size }
demand "the letters", Letter.order(:number).pluck(:number), wanted.map(&:number).select { |number| number % 4 == 2 }
entries = Entry.order(:id).group_by(&:transfer_id)
Transfer.all.each do |transfer|
  demand "the books on #{transfer.number}", entries[transfer.id].map { |entry| [ entry.account_id, entry.amount ] },
    [ [ transfer.payer_id, -transfer.amount ], [ transfer.payee_id, transfer.amount ] ]
  demand "the approvals of #{transfer.number}", transfer.approvals, transfer.large? ? 1 : 0
end
demand "each balance", Account.order(:id).pluck(:balance), accounts.map { |id| 10_000 + Entry.where(account_id: id).sum(:amount) }

# 3. Nothing is in doubt, nothing is left to be told, and the log alone gives what is stored.
demand "what was left to tell", settle.call, 0
demand "what is in doubt", Workflow.engine.doubts(10), []
demand "what is pending", ActiveRecord::Base.connection.select_value("SELECT count(*) FROM workflow_receipts WHERE pending_since IS NOT NULL"), 0
demand "what the log does not tell", Workflow::Verification.new("#{DIRECTORY}/log.sqlite3").differences, []
raise "nobody was killed in the middle of anything" if again.zero?

puts "answered: nothing; the change and its receipt are one commit, so whoever takes over knows. #{before} before, #{before} after"
