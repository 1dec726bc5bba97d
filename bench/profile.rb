# frozen_string_literal: true

# Where the time of one operation goes: perf looks at this process's threads 2,000 times a second of processor time, and what each
# sample was in is told by its stack. docs/performance.md quotes it:
#
#   bundle exec ruby bench/profile.rb drain   # a full queue of no-op steps, 5 threads
#   bundle exec ruby bench/profile.rb starts  # one durable start after the other
#
# Needs perf (Debian's linux-perf). [--count N] [--dir tmp]
require "io/wait"
require "optparse"
require "fileutils"
require "rbconfig"
require "tmpdir"
require "workflow"
require_relative "harness/queued"
require_relative "harness/machine"

# A plain object whose step does nothing.
class Nothing
  include Workflow
  def call; end
end

# What is looked at, in a process of its own. The block is called when all is ready, and returns when it is looked at.
class Profiled
  COUNTS = { "drain" => 100_000, "starts" => 20_000 }.freeze

  def initialize(store, count)
    Workflow.configure { |config| config.store = "sqlite:#{store}" }
    @engine, @count = Workflow.engine, count
  end

  def drain
    Bench::Queued.by_threads(@count, by: 32) { Nothing.new.later(:call) }
    target = @engine.stats[:appends] + @count
    yield
    Workflow::Worker.new(threads: 5).start
    Bench::Queued.until_appended(@engine, target)
  end

  def starts
    200.times { Nothing.new.later(:call) }
    yield
    @count.times { Nothing.new.later(:call) }
  end
end

# Samples, and what they were in.
class Profile
  HERTZ = 2000
  # The first that is in a stack says what it was; without any, the place of the innermost frame does.
  CALLS = { "__x64_sys_fdatasync" => "kernel: syncs", "__x64_sys_pwrite64" => "kernel: writes", "__x64_sys_futex" => "kernel: threads that wait for or wake each other",
    "entry_SYSCALL" => "kernel: other calls", "kernel" => "kernel: interrupts, switches" }.freeze
  PLACES = { /sqlite/ => "SQLite", /workflow\.so/ => "the core and its glue", /libruby|ruby3|\Aruby/ => "Ruby's interpreter", /libc\.|libm\./ => "C library: memory, locks", // => "other" }.freeze

  # @param text [String] of perf script
  def initialize(text)
    @samples = text.split("\n\n").filter_map { |sample| read(sample.lines) }
  end

  # @param count [Integer] operations
  # @return [Array<String>]
  def lines(count)
    threads = @samples.group_by(&:first).sort_by { |_, samples| -samples.size }
    threads.flat_map do |thread, samples|
      [ row(thread, samples.size, count), *samples.map(&:last).tally.sort_by { |_, number| -number }.map { |what, number| row("  #{what}", number, count) } ]
    end
  end

  private
    def row(name, samples, count) = format("%-52s %6.2f us %5.1f %%", name, samples * 1e6 / HERTZ / count, 100.0 * samples / @samples.size)

    # A line with the thread's name, then a frame a line: "address symbol (place)".
    def read(lines)
      frames = lines.drop(1).map(&:strip)
      return if frames.empty?
      [ thread(lines.first.strip), what(frames) ]
    end

    def thread(name)
      return name if name.start_with?("wf-")
      "Ruby's threads"
    end

    def what(frames)
      CALLS.each { |call, name| return name if frames.any? { |frame| frame.include?(call) } }
      place = frames.first[/\(([^)]*)\)\z/, 1].to_s
      PLACES.find { |pattern, _| place.match?(pattern) }.last
    end
end

# Starts the one, has perf look at it, and prints.
class ProfileBench
  def initialize(arguments)
    @dir = "tmp"
    rest = OptionParser.new do |options|
      options.on("--count N", Integer, "operations") { |n| @count = n }
      options.on("--dir DIR", "where the store lies") { |dir| @dir = dir }
    end.parse(arguments)
    @workload = rest.first || "drain"
    abort "There are #{Profiled::COUNTS.keys.join(" and ")}, not #{@workload}." unless Profiled::COUNTS.key?(@workload)
    @count ||= Profiled::COUNTS.fetch(@workload)
    FileUtils.mkdir_p(@dir)
  end

  def run
    abort "perf is not here (Debian: linux-perf)." unless system("perf", "--version", out: File::NULL, err: File::NULL)
    Dir.mktmpdir("workflow-profile", @dir) do |dir|
      puts Bench::Machine.lines(dir)
      took = record(dir)
      stacks = IO.popen([ "perf", "script", "-i", "#{dir}/perf.data", "-F", "comm,ip,sym,dso", err: File::NULL ], &:read)
      puts "#{@workload}: #{@count} operations, #{(took * 1e6 / @count).round(2)} us each while perf looks", Profile.new(stacks).lines(@count)
    end
  end

  private
    # @return [Float] seconds
    def record(dir)
      IO.popen([ { "PROFILE_STORE" => File.expand_path("log.sqlite3", dir) }, RbConfig.ruby, "-W0", __FILE__, @workload, @count.to_s ], "r+") do |one|
        one.gets or abort "The process that is looked at has ended."
        looking_at(one.pid, dir) do
          one.puts("go")
          Float(one.gets)
        end
      end
    end

    # perf says when it looks, and when it does no more.
    def looking_at(pid, dir)
      hears, orders = IO.pipe
      answers, says = IO.pipe
      perf = spawn("perf", "record", "--quiet", "--event", "cpu-clock", "--freq", Profile::HERTZ.to_s, "-g", "--pid", pid.to_s, "--delay", "-1", "--control", "fd:3,4",
        "--output", "#{dir}/perf.data", 3 => hears, 4 => says, err: File::NULL)
      tell(orders, answers, "enable")
      yield.tap { tell(orders, answers, "disable") }
    ensure
      Process.kill("INT", perf) && Process.wait(perf) if perf
      [ hears, orders, answers, says ].each(&:close)
    end

    def tell(orders, answers, word)
      orders.puts(word)
      answers.wait_readable(20) && answers.readpartial(64) or abort "perf does not answer."
    end
end

if (store = ENV["PROFILE_STORE"])
  $stdout.sync = true
  workload, count = ARGV
  from = nil
  Profiled.new(store, Integer(count)).public_send(workload) do
    puts "ready"
    $stdin.gets
    from = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
  puts Process.clock_gettime(Process::CLOCK_MONOTONIC) - from
  exit!(0)
else
  ProfileBench.new(ARGV).run
end
