# "I want to be able to model workflows in terms of what they do, not where they do it. In fact I want to be able to
# change the execution context piece-meal without affecting the workflow definition."
#
# In the essay, moving a step between controller and job means moving its code. Here the class below stays as it is.
require_relative "support"

class Signup
  include Workflow
  remembers :email
  attr_reader :email

  workflow do
    now   :create_account
    later :send_link
    now   :greet
  end

  def initialize(email) = @email = email
  def create_account = nil
  def send_link = nil
  def greet = nil
end

def by_workers(run) = run.steps.select { |step| step.by.start_with?("worker:") }.map(&:name)
def finished(run) = eventually("#{run.subject.email} is done") { run.reload.done? && run }

runs = {}
here = Signup.new("taken from the workers")
here.start
runs[:one_step_here] = here.now(:send_link)                                # no worker is at work yet

worker
runs[:as_declared] = finished(Signup.new("as declared").start)
runs[:all_here]    = finished(Signup.new("all here").start(place: :now))   # one call, all its steps
runs[:all_there]   = finished(Signup.new("all there").start(place: :later))

# One step of all calls, from outside the code: config/workflow.yml, here in production's stead "example".
config = "example: {steps: {Signup: {create_account: later}}}\n"
File.write(Workflow.configuration.file, config) unless without?(:config)
Workflow.configuration.reload
runs[:configured] = finished(Signup.new("configured").start)

expected = {
  one_step_here: [], as_declared: %i[send_link greet], all_here: [],
  all_there: %i[create_account send_link greet], configured: %i[create_account send_link greet]
}
places = runs.transform_values { |run| by_workers(run) }
raise "not where they should have run: #{places}" unless places == expected

# Where changed; what happened did not.
facts = runs.transform_values { |run| run.events.map(&:signature) }
raise "the facts differ: #{facts}" unless facts.values.uniq.size == 1 && runs.each_value.all?(&:done?)

answered "a word, a call or a line of configuration moves a step, and the same facts are recorded"
