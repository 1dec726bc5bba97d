# frozen_string_literal: true

require "spec_helper"
require "workflow/verification"
require_relative "../support/children"
require_relative "../../bench/harness/traced"

# Attempts in processes that are killed, stopped and told to end. Each step writes a line into a file when it is entered.
RSpec.describe "attempts in real processes", :processes do
  # The processes under test. A step tells the file that it was entered, and waits for another file to go on.
  class Attempted
    include Workflow
    remembers :directory
    attr_reader :directory

    def initialize(directory) = @directory = directory

    workflow(:paying) { later :pay, once: true; later :thank }
    workflow(:hanging) { later :hang, timeout: 0.2; later :after }
    workflow(:looping) { later :rows }

    def pay = enter("pay") { wait_for("go") }
    def thank = enter("thank")
    def hang = enter("hang") { wait_for("go") }
    def after = enter("after")
    def nod; end

    def rows
      enter("rows")
      from = workflow.cursor || 0
      (from + 1..(File.exist?(File.join(directory, "go")) ? 3 : 1_000_000)).each { |number| progress number, of: 3, cursor: number }
    end

    private
      def enter(step)
        File.open(File.join(directory, "entered"), "a") { |file| file.puts "#{step} #{Process.pid}" }
        yield if block_given?
      end

      def wait_for(name)
        IO.select(nil, nil, nil, 0.002) until File.exist?(File.join(directory, name))
      end
  end

  def configure(lease = 15)
    Workflow.configure { |config| config.store = "sqlite:#{@directory}/log.sqlite3"; config.lease = lease }
  end

  # Before this process opens the log: it is forked.
  def start_worker(lease: 15, threads: 1)
    pid = fork do
      $stdout.reopen(File::NULL)
      configure(lease)
      worker = Workflow::Worker.new(threads: threads)
      status = Workflow::Supervisor.new(worker, threads: threads, drain_s: 20).run
      Workflow.runtime.stop
      exit!(status)
    end
    @children << pid
    pid
  end

  def start(name)
    configure
    Attempted.new(@directory).tap { |subject| subject.start(name) }.workflow(name)
  end

  def entered(step) = (File.readlines(File.join(@directory, "entered"), chomp: true) rescue []).grep(/\A#{step} /)
  def go = File.write(File.join(@directory, "go"), "")

  def eventually(what, within: 30)
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + within
    until (result = yield)
      raise "#{what}: not within #{within} s" if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline
      Workflow.engine.wait_log(Workflow.engine.last_position, 20)
    end
    result
  end

  def kinds(run) = run.reload.events.map(&:kind)
  def expect_sound_log = expect(Workflow::Verification.new("#{@directory}/log.sqlite3").differences).to(eq([]))

  it "never start a once step twice: kill -9 in the middle leaves it failed, and a person runs it again" do
    worker = start_worker
    other = start_worker
    run = start(:paying)
    eventually("it is entered") { entered("pay").any? }
    victim = entered("pay").first[/\d+/].to_i
    expect([ worker, other ]).to include(victim)
    kill(victim)

    eventually("it has failed") { run.reload.failed? }
    expect(run.step(:pay)).to have_attributes(state: :failed, reason: "interrupted", attempts: 1)
    expect(kinds(run)).to eq %i[run_started step_scheduled step_started lease_lost step_failed run_failed]
    expect(entered("pay").size).to eq 1
    go
    run.retry
    eventually("it is done") { run.reload.done? }
    expect(entered("pay").size).to eq 2
    expect(run.step(:pay).round).to eq 2
    expect_sound_log
  end

  it "settle the doubt themselves: a once step whose process was stopped beyond its lease, and went on" do
    stopped = start_worker(lease: 1)
    run = start(:paying)
    eventually("it is entered") { entered("pay").any? }
    Process.kill("STOP", stopped)
    Workflow.runtime.stop
    start_worker(lease: 1)
    configure(1)

    eventually("it has failed") { run.reload.failed? }
    expect(run.step(:pay).reason).to eq "interrupted"
    go
    Process.kill("CONT", stopped)
    eventually("its own result counts, and the run goes on") { run.reload.done? }
    expect(run.step(:pay)).to have_attributes(state: :completed, round: 1, reason: nil)
    expect(entered("pay").size).to eq 1
    expect(kinds(run)).to eq %i[run_started step_scheduled step_started lease_lost step_failed run_failed step_completed
      step_scheduled step_started step_completed run_done]
    expect_sound_log
  end

  # Not only when they end: what a step says to others with its fence would else be said again with the same one.
  it "are on disk when they are taken, before their first line, and when they end" do
    skip "there is no strace here" unless system("command -v strace > /dev/null")
    worker = start_worker
    nod = lambda do
      subject = Attempted.new(@directory)
      subject.later(:nod)
      eventually("it is done") { subject.workflows.first.reload.done? }
    end
    configure
    nod.call # the process has its row then

    syncs = Bench::Traced.syncs([ worker ]) { 20.times { nod.call } }
    expect(syncs).to be_between(40, 60) # a lease, a start that took long, a checkpoint: each has its own
  end

  it "do not keep a worker of one thread from its next step, and their late result is refused" do
    start_worker
    hung = start(:hanging)
    eventually("it is entered") { entered("hang").any? }
    eventually("it has failed") { hung.reload.failed? }
    Attempted.new(@directory).start(:looping)
    eventually("the next one is served") { entered("rows").any? }

    go
    expect(hung.step(:hang).reason).to eq "timeout"
    Process.kill("TERM", @children.first)
    _, status = Process.wait2(@children.shift)
    expect(status.exitstatus).to eq 0
    expect(kinds(hung)).not_to include(:step_completed)
    expect(entered("after")).to be_empty
    expect_sound_log
  end

  it "are given back at once when the worker is told to end, and go on from their cursor elsewhere" do
    worker = start_worker
    run = start(:looping)
    eventually("it tells of its progress") { run.reload.step(:rows).progress }
    began = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    Process.kill("TERM", worker)
    _, status = Process.wait2(worker)
    @children.delete(worker)

    expect(status.exitstatus).to eq 0
    expect(Process.clock_gettime(Process::CLOCK_MONOTONIC) - began).to be < 20 # the deadline for those that do not ask
    expect(run.reload.step(:rows)).to have_attributes(state: :ready, attempts: 2)
    expect(kinds(run)).to include(:lease_lost)
    cursor = run.step(:rows).progress.cursor
    expect(cursor).to be >= 1
    go
    Workflow.runtime.stop
    start_worker
    configure
    eventually("it is done") { run.reload.done? }
    expect(run.step(:rows).progress.cursor).to eq [ cursor, 3 ].max
    expect_sound_log
  end
end
