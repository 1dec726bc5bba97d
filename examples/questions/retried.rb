# "What happens if a step is retried before it’s finished?"
#
# The essay moves the steps of a signup into jobs, and jobs are tried again: by the queue, by a person, by a second
# process that takes the first for dead.
require_relative "support"

class Invoice
  include Workflow
  remembers :number
  attr_reader :number

  workflow do
    later :charge
    later :send_receipt
  end

  def initialize(number) = @number = number
  def charge = File.write(CHARGES, "#{number}\n", mode: "a").then { HOLDER&.call }
  def send_receipt = nil
end

CHARGES = "#{DIRECTORY}/charges"
charged = -> { File.exist?(CHARGES) ? File.readlines(CHARGES).size : 0 }

# A worker in another process, whose charge hangs until we say go.
go_seen, go = IO.pipe
pid = fork do
  HOLDER = -> { go_seen.gets }
  hanging = worker(threads: 1)
  eventually("the charge is begun") { charged.call.positive? }
  exit!(hanging.stop)
end
slow = Process.detach(pid)
at_exit { Process.kill(:KILL, pid) if slow.alive? }
HOLDER = nil
invoice = Invoice.start(7)
eventually("the charge hangs") { charged.call == 1 && invoice.workflow.step(:charge).running? }

# 1. Retried while it runs elsewhere: nothing happens, at once. The answer is the run as it is.
before = invoice.workflow
without?(:log) ? invoice.charge : invoice.now(:charge)
raise "a step in hand was run a second time" unless charged.call == 1
seen = invoice.workflow
raise "the run was changed" unless seen.step(:charge).running? && seen.version == before.version

# 2. Its holder is stopped for longer than the lease. It may be dead, so another starts the step again and ends it.
Process.kill(:STOP, pid)
worker
done = eventually("another took over") { invoice.workflow.then { |run| run if run.done? } }
kinds = done.events.select { |event| event.step == :charge }.map(&:kind)
raise "it was not taken over: #{kinds}" unless kinds.include?(:lease_lost) && charged.call == 2

# 3. The first was not dead. It wakes up and ends its charge, too late: that is not recorded.
Process.kill(:CONT, pid)
go.puts("go")
raise "the late holder failed" unless slow.value.success?
raise "a late end was recorded" unless invoice.workflow.version == done.version

# 4. A completed step is not run again.
refusal = error_of { invoice.now(:charge) }
raise "it ran again" unless refusal.is_a?(Workflow::NotPending) && charged.call == 2
raise "completed more than once" unless kinds.count(:step_completed) == 1

answered "nothing while it runs; a holder that is lost is replaced, and of the two ends one counts"
