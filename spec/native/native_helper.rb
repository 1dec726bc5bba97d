# frozen_string_literal: true

# What the specs of the native API share: stores in directories of their own, definitions in one line, waits that end
# at a deadline, and child processes that never outlive their example.
require "fileutils"
require "tmpdir"
require "workflow"
require_relative "../support/replay"

Workflow::Store.load_core

module NativeHelper
  Native = Workflow::Native

  LONG = !!ENV["LONG"]
  ROOT = File.expand_path("../..", __dir__)
  EVENT = %i[position run_id version kind step attempt round at_ms by due_ms reason error_class error_message error_where
    payload].each_with_index.to_h.freeze

  # A deadline has passed: what was waited for is in the message.
  class Late < StandardError; end

  def self.included(group)
    group.around do |example|
      Dir.mktmpdir("workflow-native") do |dir|
        @dir = dir
        @engines = []
        @children = []
        example.run
      ensure
        @children.each { |pid| end_process(pid) }
        @engines.each { |engine| engine.stop(0) }
        Replay.check(@dir) if Replay.of?(example)
      end
    end
  end

  def path = File.join(@dir, "store.sqlite3")

  def open_engine(at = path, lease: 15_000)
    Native::Engine.new(at, lease, "spec").tap { |engine| @engines << engine }
  end

  # define("Signup", now: :create, later: :send): one step after another.
  def define(class_name = "Spec", unique: false, **steps)
    described = steps.flat_map { |kind, names| Array(names).map { |name| { kind: kind, name: name.to_s } } }
    described.each_with_index { |step, index| step[:deps] = index.zero? ? [] : [ index - 1 ] }
    Native::Definition.new(class_name, "workflow", unique, described)
  end

  def start(engine, definition, hand: nil, key: "Spec/#{number = next_number}", subject: number.to_s)
    engine.start(hand, definition, subject, key, nil, nil, "spec")
  end

  def next_number = @number = (@number || 0) + 1

  def kinds(engine, run_id) = events(engine, run_id).map { |event| event[EVENT[:kind]] }
  def events(engine, run_id) = engine.events(run_id, 0, 1000)
  def reasons(engine, run_id) = events(engine, run_id).filter_map { |event| event[EVENT[:reason]] }

  def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

  def elapsed
    began = now
    yield
    now - began
  end

  def check_deadline(deadline, what)
    raise Late, "#{what}: not within the time given" if now > deadline
  end

  # Asks again whenever the log has grown.
  def wait_for_log(engine, what, seconds: 20)
    deadline = now + seconds
    position = engine.last_position
    until (found = yield)
      check_deadline(deadline, what)
      engine.wait_log(position, 100)
      position = engine.last_position
    end
    found
  end

  # For what rings no bell: asks every millisecond.
  def wait_until(what, seconds: 20)
    deadline = now + seconds
    until (found = yield)
      check_deadline(deadline, what)
      IO.select(nil, nil, nil, 0.001)
    end
    found
  end

  def join(thread, seconds: 20)
    thread.join(seconds) or raise Late, "a thread is still at #{thread.backtrace&.first(5)&.join("\n")}"
  end

  # Ruby says so as soon as the thread has left its lock; it may be on its way to what it is to wait for.
  def asleep?(thread) = thread.status == "sleep" && waits_in_kernel?(thread)

  def waits_in_kernel?(thread)
    File.read("/proc/self/task/#{thread.native_thread_id}/stat").split(") ").last.start_with?("S")
  rescue SystemCallError
    true # there is no /proc here
  end

  def wait_asleep(thread) = wait_until("the thread waits") { asleep?(thread) }

  # Nobody can write the store until the block is over: commits wait.
  def blocking_commits
    blocker = SQLite3::Database.new(path)
    blocker.busy_timeout = 5_000
    blocker.execute("BEGIN IMMEDIATE")
    yield
  ensure
    blocker.close
  end

  # A process of its own; the block gets the end of a pipe to write to. Called before this process opens an engine.
  def fork_child
    reader, writer = IO.pipe
    pid = fork do
      reader.close
      yield writer
      exit!(0)
    rescue Exception => error # what a child raises must not run the parent's specs
      writer.puts("#{error.class}: #{error.message}")
      exit!(1)
    end
    @children << pid
    writer.close
    [ pid, reader ]
  end

  def read_line(io, what, seconds: 20)
    IO.select([ io ], nil, nil, seconds) or raise Late, "#{what}: nothing was said in #{seconds} s"
    io.gets&.chomp
  end

  def end_process(pid)
    Process.kill("KILL", pid)
    Process.wait(pid)
  rescue Errno::ESRCH, Errno::ECHILD
    nil
  end

  def ruby(*arguments)
    [ RbConfig.ruby, "-I", File.join(ROOT, "lib"), *arguments ]
  end
end
