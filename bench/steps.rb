# frozen_string_literal: true

# What one step costs through the Ruby API: no-op steps per second, synchronous starts per second, latency from a start to the
# step's first line in another process, and events, commits and fdatasyncs a step. Run it with
#
#   bundle exec ruby bench/steps.rb [--steps 50000] [--threads 5] [--samples 500] [--dir tmp]
#
# Plain objects, synchronous=FULL, leases and fences on. The clock stops when the last completion is durable.
require "optparse"
require "etc"
require "fileutils"
require "rbconfig"
require "tmpdir"
require "sqlite3"
require "workflow"
require_relative "harness/queued"
require_relative "harness/traced"

# A plain object whose step does nothing, or tells when it began.
class Noop
  include Workflow

  def call; end
end

# Writes the moment of its first line, in nanoseconds of the monotonic clock, for the process that started it.
class Stopwatch
  include Workflow
  remembers :path
  attr_reader :path

  def initialize(path) = @path = path

  def call
    now = Process.clock_gettime(Process::CLOCK_MONOTONIC, :nanosecond)
    File.open(path, "a") { |file| file.syswrite("#{now}\n") }
  end
end

# Runs the measurements one after another and prints each as soon as it is known.
class StepsBench
  def initialize(arguments)
    @steps, @threads, @samples, @dir = 50_000, 5, 500, "tmp"
    OptionParser.new do |options|
      options.on("--steps N", Integer) { |n| @steps = n }
      options.on("--threads N", Integer) { |n| @threads = n }
      options.on("--samples N", Integer) { |n| @samples = n }
      options.on("--dir DIR", "where the store lies: its disk is what is measured") { |dir| @dir = dir }
    end.parse!(arguments)
    FileUtils.mkdir_p(@dir)
  end

  def run
    print_machine
    measure("drain") { drain }
    measure("starts") { starts }
    measure("latency") { latency }
    measure("syncs") { syncs }
  end

  private
    # Each measurement has a process and a store of its own.
    def measure(name)
      Dir.mktmpdir("workflow-bench-#{name}", @dir) do |dir|
        @store = File.join(File.expand_path(dir), "bench.sqlite3")
        pid = fork do
          Workflow.configure { |config| config.store = "sqlite:#{@store}" }
          yield
          $stdout.flush
          exit!(0)
        end
        Process.wait(pid)
        abort "#{name} failed" unless $?.success?
      end
    end

    def print_machine
      cpu = File.read("/proc/cpuinfo")[/model name\s*: (.*)/, 1] if File.exist?("/proc/cpuinfo")
      puts "#{Time.now.utc.strftime("%Y-%m-%d")}  #{Etc.nprocessors} x #{cpu || RbConfig::CONFIG["host_cpu"]}, #{Etc.uname[:sysname]} #{Etc.uname[:release]}"
      puts "ruby #{RUBY_VERSION}, sqlite3 gem #{SQLite3::VERSION} with SQLite #{SQLite3::SQLITE_LOADED_VERSION}, synchronous=FULL"
      puts "one 4 KiB append + fdatasync: #{(sync_seconds * 1e6).round} us (median of 200)\n\n"
    end

    def sync_seconds
      path = File.join(@dir, "workflow-bench-sync")
      File.open(path, "w") do |file|
        Array.new(200) { seconds { file.syswrite("x" * 4096) && file.fdatasync } }.sort[100]
      end
    ensure
      FileUtils.rm_f(path)
    end

    def seconds
      from = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      yield
      Process.clock_gettime(Process::CLOCK_MONOTONIC) - from
    end

    def queue_steps(count, by: 8) = Bench::Queued.by_threads(count, by: by) { Noop.new.later(:call) }

    def drain
      queue_steps(@steps)
      engine = Workflow.engine
      before = engine.stats
      worker = Workflow::Worker.new(threads: @threads)
      took = seconds { worker.start && Bench::Queued.until_appended(engine, before[:appends] + @steps) }
      commits = engine.stats[:commits] - before[:commits]
      puts format("drain      %d no-op steps, 1 process, %d threads   %8.0f steps/s   %.1f steps a commit", @steps, @threads, @steps / took, @steps.to_f / commits)
      worker.stop
    end

    def starts
      [ 1, 8, 32 ].each do |threads|
        count = threads == 1 ? @steps / 5 : @steps / 2
        took = seconds { queue_steps(count, by: threads) }
        puts format("starts     %d synchronous, %2d threads              %8.0f starts/s", count, threads, count / took)
      end
    end

    def latency
      path = "#{@store}.times"
      File.write(path, "")
      ready, told = IO.pipe
      pid = fork_worker(told)
      ready.gets
      started = Array.new(@samples) { |i| start_one(path, i) }
      wait_for_lines(path, @samples)
      stop_worker(pid)
      print_latency(started, File.readlines(path).map(&:to_i).sort)
    end

    def fork_worker(told)
      fork do
        worker = Workflow::Worker.new(threads: 1).start
        told.puts "ready"
        trap("TERM") { Thread.new { worker.stop && exit!(0) } }
        sleep
      end
    end

    def start_one(path, _index)
      watch = Stopwatch.new(path)
      sleep 0.02 # the worker is idle again
      now = Process.clock_gettime(Process::CLOCK_MONOTONIC, :nanosecond)
      watch.later(:call)
      now
    end

    def wait_for_lines(path, count)
      position = 0
      until File.foreach(path).count >= count
        Workflow.engine.wait_log(position, 50)
        position = Workflow.engine.last_position
      end
    end

    def stop_worker(pid)
      Process.kill("TERM", pid)
      Process.wait(pid)
    end

    def print_latency(started, began)
      times = started.zip(began).map { |from, to| (to - from) / 1e6 }.sort
      puts format("latency    start to first line, other process, idle      p50 %.2f ms   p99 %.2f ms   max %.2f ms",
                  times[times.size / 2], times[(times.size * 0.99).to_i], times.last)
    end

    def syncs
      steps = @steps / 10
      queue_steps(steps)
      engine = Workflow.engine
      events = engine.log(0, 10).size
      puts "events     #{events_of_one_run(engine)} a one-step run (#{events} seen in the first rows), in 2 rows of the log"
      target = engine.stats[:appends] + steps
      syncs = Bench::Traced.syncs([ Process.pid ]) do
        worker = Workflow::Worker.new(threads: @threads).start
        Bench::Queued.until_appended(engine, target)
        worker.stop
      end
      puts syncs ? format("fdatasync  %d for %d steps drained (%.1f steps each)", syncs, steps, steps.to_f / syncs) : "fdatasync  not counted: strace is not installed"
    end

    def events_of_one_run(engine)
      id = engine.log(0, 1).first[1]
      engine.events(id, 0, 100).size + 3 # started, completed and done are to come
    end
end

StepsBench.new(ARGV).run
