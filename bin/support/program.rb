# frozen_string_literal: true

require_relative "waiting"

# A process of the example, started and ended by us. It leads a process group of its own, so that Ctrl-C
# in the terminal reaches it through us alone; its output goes to a file.
class Program
  include Waiting
  class Died < StandardError; end

  attr_reader :name, :pid, :output

  def initialize(name, command, env:, dir:, output:)
    @name, @command, @env, @dir, @output = name, command, env, dir, output
  end

  # Starts it, with more in its environment if need be, and returns once the block says that it is ready.
  def start(within: 60, env: {}, &ready)
    output.dirname.mkpath
    @started_at = output.exist? ? output.size : 0
    @pid = spawn(@env.merge(env), *@command, chdir: @dir.to_s, pgroup: true, unsetenv_others: true,
      in: File::NULL, out: [ output.to_s, "a" ], err: [ :child, :out ])
    @exit = Process.detach(@pid)
    wait_until_ready(within, &ready)
    self
  end

  def running? = !@exit.nil? && @exit.alive?

  # Returns when it has ended by itself.
  def wait = @exit&.value

  # Asks it to end, and ends it the hard way if it does not within the time. True if it went by itself.
  def stop(within: 30)
    return true unless running?
    signal("TERM")
    @exit.join(within) ? true : kill && false
  end

  def kill
    signal("KILL")
    @exit.join
  end

  def signal(name)
    Process.kill(name, @pid) if running?
  rescue Errno::ESRCH
    nil # it has just ended
  end

  # What it has written since it was started last.
  def said = output.exist? ? output.binread(nil, @started_at).to_s.force_encoding(Encoding::UTF_8).scrub : ""

  private
    def wait_until_ready(within)
      wait_until("#{name} is ready", within: within) do
        running? or raise Died, "#{name} ended before it was ready. It said:\n#{said.lines.last(30).join}"
        yield
      end
    rescue TimedOut
      raise TimedOut, "#{name} was not ready within #{within} s. It said:\n#{said.lines.last(30).join}"
    end
end
