# A deploy under 1,000 open runs, rehearsed: `ruby examples/deploy/rehearsal.rb` prints what it did and `rehearsed: …`, or raises.
#
# Four processes in turn: the old code opens the runs and is gone; `workflow check` looks at them with the new code; a
# worker with the new code carries on; and this one, a console with the new code, gives inputs and carries over.
require "tmpdir"
require "rbconfig"
ENV["DIRECTORY"] ||= Dir.mktmpdir("workflow-deploy").tap { |directory| at_exit { FileUtils.rm_rf(directory) } }
require_relative "after"

ORDERS = Integer(ENV.fetch("ORDERS", 1000))
PINNED = %i[reserve charge send_receipt confirm count_stock pack ship].freeze
COMMAND = [ RbConfig.ruby, File.expand_path("../../bin/workflow", __dir__) ].freeze
NEW_CODE = [ "-r", File.expand_path("after.rb", __dir__), "--store", "sqlite:#{DIRECTORY}/log.sqlite3" ].freeze

def say(text) = puts(text)
def demand(what, is, wanted) = is == wanted || raise("#{what}: #{is.inspect}, not #{wanted.inspect}")

# How many of the orders stood at one of the steps when the new code came.
def stood_at(steps) = ORDERS.times.count { |number| steps.include?(PINNED[number % PINNED.size]) }

def check
  output = IO.popen([ *COMMAND, "check", *NEW_CODE, err: [ :child, :out ] ], &:read)
  [ output, $?.exitstatus ]
end

# A worker with the new code for as long as the block takes.
def working
  pid = spawn(*COMMAND, "work", *NEW_CODE, "--threads", "5", out: "#{DIRECTORY}/worker.log", err: "#{DIRECTORY}/worker.log")
  yield
ensure
  Process.kill("TERM", pid)
  Process.wait(pid)
end

# Waits until the block is true; looks again whenever the log has grown.
def eventually(what, within: ENV["WITHOUT"] ? 8 : 60)
  deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + within
  position = 0
  until yield
    raise "#{what}: not within #{within} s" if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline
    position = Workflow.engine.last_position unless Workflow.engine.wait_log(position, 250)
  end
end

# How many runs are in each state.
def states = Order.workflows.map(&:state).tally

# 1. The old code, in a process of its own, which is over before the new one begins.
system(RbConfig.ruby, File.expand_path("prepare.rb", __dir__), exception: true)
say "the old code: #{Order.workflows.count} open runs, at each of #{PINNED.size} steps"

# 2. What can not go on? Only runs that still have the removed step before them, and for each it says what to do.
output, status = check
say output
removed = stood_at(%i[reserve charge send_receipt confirm count_stock])
demand "the check's status", status, 1
demand "what the check says", output[/^Order, step .*/], "Order, step count_stock: #{removed} will stop when they come to it"
demand "the steps it names", output.scan(/^Order, step (\w+)/).flatten, %w[count_stock]
demand "whether it says how to go on", output.include?("run.skip(:count_stock); then run.resume"), true

# 3. The new code runs. Whoever waits is given the input; new orders come in.
working do
  news = Array.new(10) { |index| Order.start(ORDERS + index) }
  eventually("all who wait for an input wait") { states[:waiting] == stood_at(%i[reserve charge send_receipt confirm]) + news.size }
  Order.workflows.waiting.each { |run| run.submit(:confirm).accepted? || raise("#{run.inspect} did not take its input") }
  eventually("all that can are done, and the others paused") { states == { done: ORDERS - removed + news.size, paused: removed } }
  say "the new code: #{states}"
  reason = Order.workflows.find(&:paused?).reason
  demand "the reason", reason[/\A.*?any more\. /], "Order's workflow (#{Workflow::Gap.short(Order.workflow.location)}) has no step count_stock any more. "
  demand "the check of paused runs", check.first[/^Order, step .*/], "Order, step count_stock: #{removed} paused at it already"

  # 4. Carried over, as the README says: what is not to happen any more is skipped.
  stopped = Order.workflows.paused.select { |run| run.at?(:count_stock) }
  stopped.each { |run| (without?(:skip) ? run : run.skip(:count_stock)).resume }
  eventually("all are done") { states == { done: ORDERS + news.size } }
end
demand "the check's status at the end", check.last, 0

# 5. Each run, step for step: in the order that it began with, each step once.
effects = File.readlines("#{DIRECTORY}/effects", chomp: true).map { |line| line.split(" ", 2) }.group_by(&:first).transform_values { |lines| lines.map(&:last) }
Order.workflows.each do |run|
  number = run.subject.number
  stage = number % PINNED.size
  next demand("a new order", effects[number.to_s], %w[reserve check_fraud charge mail_receipt confirm ship pack]) if number >= ORDERS
  skipped = stage <= PINNED.index(:count_stock) ? %i[count_stock] : []
  receipt = stage <= PINNED.index(:send_receipt) ? "mail_receipt" : "send_receipt" # the present code's method
  events = run.events
  demand "the steps of #{number}", events.select { |event| event.kind == :step_completed }.map(&:step), PINNED - skipped
  demand "what was skipped of #{number}", events.select { |event| event.kind == :step_skipped }.map(&:step), skipped
  demand "the versions of #{number}", events.map(&:version), (1..run.version).to_a
  demand "the attempts of #{number}", events.select { |event| event.kind == :step_started }.map(&:attempt).uniq, [ 1 ]
  demand "the effects of #{number}", effects[number.to_s], (PINNED - skipped).map { |step| step == :send_receipt ? receipt : step.to_s }
end
say "rehearsed: #{ORDERS} open runs, #{ORDERS - removed} went on by themselves, #{removed} were carried over; each step of each run once"
