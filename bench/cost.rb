# frozen_string_literal: true

# What one operation takes, counted and not timed: commits, statements of the log that change a row, bytes written, system calls,
# Ruby objects, and processor time of Ruby's threads and of the core's. The cost model of docs/performance.md is what this prints:
#
#   bundle exec rake compile:faults && bundle exec ruby bench/cost.rb [--count 20000] [--dir tmp]
#
# Plain objects, synchronous=FULL. What weighs on what else is counted is counted in a process and a store of its own: system calls
# by strace, statements by the library of rake compile:faults, which tells each one.
require "json"
require "open3"
require "optparse"
require "fileutils"
require "rbconfig"
require "tmpdir"
require "workflow"
require_relative "harness/queued"
require_relative "harness/traced"

# A plain object whose steps do nothing.
class Nothing
  include Workflow
  STEPS = 20

  workflow(:in_line) { STEPS.times { |number| now(:"step#{number}") } }
  STEPS.times { |number| define_method("step#{number}") { } }

  def call; end
end

# Each does what is not counted, and returns how many there are to be and what does them.
module Operations
  NAMES = { "start" => "start, one after the other", "start_of_32" => "start, by 32 threads", "step" => "step of a queue, by 5 threads",
    "now_step" => "now step, by its caller" }.freeze

  class << self
    def start(count) = counted(count / 10) { |times| times.times { Nothing.new.later(:call) } }

    def start_of_32(count) = counted(count) { |times| queue(times) }

    def step(count)
      queue(count)
      counted(count) { |times| drain(times) }
    end

    # A twentieth of a start comes to each.
    def now_step(count) = counted(count / 10) { |times| (times / Nothing::STEPS).times { Nothing.new.start(:in_line) } }

    private
      def counted(times, &block) = [ times, -> { block.call(times) } ]

      def queue(times) = Bench::Queued.by_threads(times, by: 32) { Nothing.new.later(:call) }

      def drain(times)
        engine = Workflow.engine
        target = engine.stats[:appends] + times
        Workflow::Worker.new(threads: 5).start
        Bench::Queued.until_appended(engine, target)
      end
  end
end

# Counts in this process, which is there for one operation and one way of counting.
class Counting
  CHANGE = /\Alog before (?:APPEND|RUN_DOUBT|\w+_(?:INSERT|UPDATE|DELETE|PUT|CLAIM|RELEASE|END)\w*)$/

  def initialize(times, operation, trace)
    @times, @operation, @trace = times, operation, trace
  end

  # @return [Hash{String=>Float}] of one
  def by(way) = send(way).transform_values { |count| count.fdiv(@times) }

  private
    def usage
      before = used
      @operation.call
      used.to_h { |name, value| [ name, value - before.fetch(name) ] }
    end

    def used
      core = Dir["/proc/self/task/*"].select { |task| File.read("#{task}/comm").start_with?("wf-") }.sum { |task| Integer(File.read("#{task}/schedstat").split.first) } / 1000.0
      { "commits" => Workflow.engine.stats[:commits], "bytes" => Integer(File.read("/proc/self/io")[/^wchar: (\d+)/, 1]), "objects" => GC.stat(:total_allocated_objects),
        "us in Ruby" => Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID, :float_microsecond) - core, "us in the core" => core }
    end

    def calls = { "calls" => Bench::Traced.calls([ Process.pid ], &@operation) }

    # Nothing is told before the first one.
    def statements
      before = File.exist?(@trace) ? File.size(@trace) : 0
      @operation.call
      { "statements" => File.read(@trace).byteslice(before..).each_line.count { |line| line.match?(CHANGE) } }
    end
end

# Has each counted, each way in a process of its own, and prints the table.
class CostBench
  LIBRARY = File.expand_path("../tmp/faults/lib", __dir__)
  COLUMNS = { "commits" => 3, "statements" => 1, "bytes" => 0, "calls" => 1, "objects" => 0, "us in Ruby" => 1, "us in the core" => 1 }.freeze

  def initialize(arguments)
    @count, @dir = 20_000, "tmp"
    OptionParser.new do |options|
      options.on("--count N", Integer, "steps; a tenth of what waits for its own commit") { |n| @count = n }
      options.on("--dir DIR", "where the stores lie") { |dir| @dir = dir }
    end.parse!(arguments)
    FileUtils.mkdir_p(@dir)
  end

  def run
    abort "strace is not here." unless system("strace", "--version", out: File::NULL)
    abort "The library that tells its statements is not here: bundle exec rake compile:faults" unless File.exist?(LIBRARY)
    puts format("%-30s", "") + COLUMNS.keys.map { |name| format("%16s", name) }.join
    Operations::NAMES.each do |operation, title|
      figures = %w[usage calls statements].map { |way| count(operation, way) }.inject(:merge)
      puts format("%-30s", title) + COLUMNS.map { |name, digits| format("%16.#{digits}f", figures.fetch(name)) }.join
    end
  end

  private
    def count(operation, way)
      Dir.mktmpdir("workflow-cost", @dir) do |dir|
        environment = { "COST_STORE" => File.join(File.expand_path(dir), "log.sqlite3"), "WORKFLOW_FAULT_TRACE" => File.join(dir, "trace") }
        library = [ "-I", LIBRARY ] if way == "statements"
        told, status = Open3.capture2(environment, RbConfig.ruby, "-W0", *library, __FILE__, operation, way, @count.to_s)
        abort "#{operation} could not be counted by #{way}." unless status.success?
        JSON.parse(told)
      end
    end
end

if (store = ENV["COST_STORE"])
  operation, way, count = ARGV
  Workflow.configure { |config| config.store = "sqlite:#{store}" }
  Workflow.engine
  puts JSON.generate(Counting.new(*Operations.public_send(operation, Integer(count)), ENV.fetch("WORKFLOW_FAULT_TRACE")).by(way))
  $stdout.flush
  exit!(0)
else
  CostBench.new(ARGV).run
end
