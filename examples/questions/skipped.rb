# "What happens if I skip a step? How are the dependencies between steps declared?"
#
# In the essay the order of the steps is wherever one piece of code happens to call or enqueue the next.
require_relative "support"

class Order
  include Workflow
  remembers :kind
  attr_reader :kind

  # What comes after what is written here, and nowhere else: the line above, or what `after:` says instead.
  workflow do
    now :take_payment
    together do
      later :pack, **(without?(:unless) ? {} : { unless: :digital? })
      later :print_invoice
    end
    later :hand_over                                     # after both
    later :send_receipt, **(without?(:after) ? {} : { after: :take_payment })
    now :close, after: [ :hand_over, :send_receipt ]
  end

  def initialize(kind) = @kind = kind
  def digital? = kind == "digital"
  def take_payment = nil
  def pack = PACKING.pop
  def print_invoice = nil
  def hand_over = nil
  def send_receipt = nil
  def close = nil
end

PACKING = Queue.new
worker(threads: 3)
settled_at = ->(run, step) { run.events.find { |event| event.step == step && %i[step_completed step_skipped].include?(event.kind) }.version }
scheduled_at = ->(run, step) { run.events.find { |event| event.step == step && event.kind == :step_scheduled }.version }

# Nothing is skipped: what does not depend on the packing goes on during it, what does waits for it.
book = Order.start("book").workflow
eventually("the receipt is out while somebody packs") do
  book.reload.step(:pack).running? && %i[send_receipt print_invoice].all? { |step| book.completed?(step) }
end
raise "handed over before it was packed" unless book.step(:hand_over).pending?
PACKING << :packed
eventually("the book is done") { book.reload.done? }
%i[pack print_invoice].each { |step| raise "not after #{step}" unless settled_at.(book, step) < scheduled_at.(book, :hand_over) }

# A step is skipped: that is a fact with its reason, and what depends on the step goes on.
song = Order.start("digital").workflow
eventually("the song is done") { song.reload.done? }
skipped = song.events.select { |event| event.kind == :step_skipped }
raise "skipped: #{skipped}" unless skipped.map { |event| [ event.step, event.reason ] } == [ [ :pack, "unless: digital?" ] ]
raise "the step ran" if song.events.any? { |event| event.step == :pack && event.kind == :step_completed }
raise "it did not go on" unless song.step(:pack).skipped? && song.completed?(:hand_over) && song.completed?(:close)

answered "a skipped step says why, and what comes after it goes on; the order is the order written, or after:"
