# "Now our decision to run this immediately or at a later time is as simple as changing this:" process.call
# "to this:" process.later(:call). "Are the objects in your system able to change like this?"
#
# The essay writes `later` and a job class inside each such class, to keep the code where it is.
require_relative "support"

class SomeProcess
  include Workflow
  remembers :some_id unless without?(:remembers)   # what rebuilds it in a worker, through new
  attr_reader :some_id

  def initialize(some_id) = @some_id = some_id

  def call(force: false)
    raise ArgumentError, "nothing to do" if some_id == "nothing"
    DONE << [ some_id, force, Workflow::Role.by[/\Aworker/] ]
    "result of #{some_id}"
  end
end

DONE = Queue.new
process = SomeProcess.new("ee6f1d66")

# As always: a plain call, of which the log knows nothing.
raise "no value" unless process.call == "result of ee6f1d66"
raise "not here" unless DONE.pop == [ "ee6f1d66", false, nil ] && process.workflow(:call).none?

# Later: the call returns a run at once; a worker rebuilds the object and calls the same method.
run = process.later(:call, with: { force: true })
raise "it did not wait for a worker" unless run.running? && DONE.empty?
worker
eventually("a worker has called it") { run.reload.done? }
raise "not the same call" unless DONE.pop == [ "ee6f1d66", true, "worker" ]

# Now: here, with its value, under the log.
raise "no value" unless process.now(:call) == "result of ee6f1d66"
raise "not here" unless DONE.pop.last.nil?
facts = process.workflows.map { |each| each.events.map(&:signature) }
raise "the two left different facts: #{facts}" unless facts.size == 2 && facts.uniq.size == 1

# An error is the caller's with `now`, the log's with `later`, and the same one in both.
failing = SomeProcess.new("nothing")
here = error_of { failing.now(:call) }
there = failing.later(:call)
eventually("it has failed") { there.reload.failed? }
raise "the errors differ" unless here.is_a?(ArgumentError) && here.message == "nothing to do" && there.error.message == here.message

# And for callers that should know nothing of queues.
process.later.call(force: true)
eventually("a worker has called it too") { process.workflows.count == 3 && process.workflow(:call).done? }
raise "not the same call" unless DONE.pop == [ "ee6f1d66", true, "worker" ]

answered "yes: call, now(:call), later(:call) and later.call run one method of one object"
