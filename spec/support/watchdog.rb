# frozen_string_literal: true

# An example that does not come to an end fails, with what every thread and process was doing; the others go on.
class Watchdog
  class Hung < Exception; end # rubocop:disable Lint/InheritException -- no rescue of the example's is to take it

  # Far beyond the slowest example on the slowest machine, or what that says meanwhile.
  LIMIT_S = ENV["LONG"] ? 3600 : 900
  # How long what an example leaves behind it may take to end once it was interrupted.
  GRACE_S = 60

  EVENTS = {
    example_group_started: ->(about) { about.group.location },
    example_started: ->(about) { about.example.location },
    example_finished: ->(about) { about.example.location },
    example_group_finished: ->(about) { about.group.location },
    message: :message.to_proc
  }.freeze

  def self.watch(reporter) = reporter.register_listener(new, *EVENTS.keys, :stop)

  def initialize
    @lock, @changed, @steps = Mutex.new, ConditionVariable.new, 0
    @thread = Thread.new { watch }
  end

  EVENTS.each do |event, where|
    define_method(event) do |about|
      @lock.synchronize do
        @steps += 1
        @what = "#{event} #{where.call(about)}"
        @changed.signal
      end
    end
  end

  def stop(_) = @thread.kill.join

  private
    def watch
      loop do
        next if moved?(LIMIT_S)
        report
        Thread.main.raise(Hung, "nothing happened for #{LIMIT_S} s after #{@what}")
        next if moved?(GRACE_S)
        report
        exit!(1)
      end
    end

    # @return [Boolean] whether the suite went on within so many seconds
    def moved?(seconds)
      @lock.synchronize do
        seen, deadline = @steps, now + seconds
        @changed.wait(@lock, deadline - now) while @steps == seen && now < deadline
        @steps != seen
      end
    end

    def report
      warn "\nNothing happened for #{LIMIT_S} s after #{@what}:"
      Thread.list.each { |thread| warn "#{thread.inspect}\n  #{thread.backtrace&.first(30)&.join("\n  ")}" }
      system("ps", "-eo", "pid,ppid,stat,wchan:24,etimes,args", "--forest", out: :err)
    end

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
end
