# frozen_string_literal: true

# What lists cost: the newest 10 of many runs of a class by each filter, counts, and the current runs of 100 records at
# once. Run it with
#
#   bundle exec ruby bench/lists.rb [--runs 100000] [--dir tmp]
#
# One class has all the runs but a tenth, which are another's. Of each hundred numbers one failed and two wait; the others are done.
require "optparse"
require "fileutils"
require "logger"
require "tmpdir"
require "workflow"

class Order
  include Workflow
  remembers :number
  attr_reader :number
  workflow(tags: -> { { plan: number % 2 == 0 ? "pro" : "free", rare: ("yes" if number % 10_000 == 7) } }) { now :charge; later :pack, if: :left?; await :confirm, if: :asked? }
  def initialize(number) = @number = number
  def charge = (raise "broken" if number % 100 == 3)
  def pack; end
  def left? = number % 100 == 4
  def asked? = number % 100 < 2
end

class Letter
  include Workflow
  def call; end
end

class ListsBench
  def initialize(arguments)
    @runs, @dir = 100_000, "tmp"
    OptionParser.new do |options|
      options.on("--runs N", Integer) { |n| @runs = n }
      options.on("--dir DIR") { |dir| @dir = dir }
    end.parse!(arguments)
    FileUtils.mkdir_p(@dir)
  end

  def run
    Workflow.configure { |config| config.logger = Logger.new(nil) }
    Dir.mktmpdir("workflow-bench-lists", @dir) do |dir|
      Workflow.configure { |config| config.store = "sqlite:#{File.join(File.expand_path(dir), "bench.sqlite3")}" }
      fill
      lists
      Workflow.runtime.stop
    end
  end

  private
    def fill
      threads = Array.new(8) { |i| Thread.new { i.step(@runs - 1, 8) { |number| number % 10 == 9 ? Letter.new.now(:call) : start(number) } } }
      threads.each(&:join)
    end

    # The worker's part is done here too: a step with conditions skips itself wherever it is asked.
    def start(number)
      order = Order.new(number)
      order.start(place: :now)
    end

    def lists
      orders = Order.workflows
      puts "#{@runs} runs, of which #{orders.count} of one class: #{Workflow::Runs::STATES.filter_map { |state| (n = orders.public_send(state).count) > 0 && "#{n} #{state}" }.join(", ")}"
      some = Array.new(100) { |number| Order.new(number * 10) }
      { "newest 10" => -> { orders.first(10) },
        **Workflow::Runs::STATES.to_h { |state| [ "newest 10 #{state}", -> { orders.public_send(state).first(10) } ] },
        "newest 10 at(:charge)" => -> { orders.at(:charge).first(10) },
        "newest 10 at(:pack), where none is" => -> { orders.at(:pack).first(10) },
        "newest 10 tagged, half of all" => -> { orders.tagged(plan: "pro").first(10) },
        "newest 10 tagged, 9 of all" => -> { orders.tagged(rare: "yes").first(10) },
        "newest 10 failed and tagged half" => -> { orders.failed.tagged(plan: "free").first(10) },
        "newest 10 done and tagged 9" => -> { orders.done.tagged(rare: "yes").first(10) },
        "newest 10 failed, of 100 objects" => -> { orders.failed.for(some).first(10) },
        "newest 10 of one object" => -> { Order.new(42).workflows.first(10) },
        "newest 10 of another class" => -> { Letter.workflows.first(10) },
        "count" => -> { orders.count }, "count done" => -> { orders.done.count }, "count failed" => -> { orders.failed.count },
        "count tagged, half of all" => -> { orders.tagged(plan: "pro").count },
        "count done and tagged half" => -> { orders.done.tagged(plan: "pro").count },
        "count at(:charge)" => -> { orders.at(:charge).count },
        "current runs of 100 objects, one by one" => -> { some.each { |order| order.workflow.state } },
        "current runs of 100 keys at once" => -> { Workflow.engine.currents(some.map { |order| Workflow::Subject.of(order).key(:workflow) }) }
      }.each { |name, query| puts format("%-42s %8.2f ms", name, median(query)) }
    end

    def median(query)
      Array.new(9) do
        from = Process.clock_gettime(Process::CLOCK_MONOTONIC)
        query.call
        (Process.clock_gettime(Process::CLOCK_MONOTONIC) - from) * 1000
      end.sort[4]
    end
end

ListsBench.new(ARGV).run
