# frozen_string_literal: true

require "spec_helper"
require "workflow/verification"
require_relative "../support/children"

# Awaits that several processes deal with, some of which are killed with -9 in the middle.
RSpec.describe "Awaits between processes", :processes do
  # What its methods are to do, is said through files in the directory of the example.
  class Shared
    include Workflow
    remembers :directory
    attr_reader :directory

    workflow do
      now :begin
      await :sign
      await :confirm, early: true, expires_in: 864_000, remind: { after: 3600, with: :nudge }
      later :finish
    end

    def initialize(directory) = @directory = directory
    def begin; end
    def finish; end
    def sign(code: 1) = linger("sign", code)
    def confirm(code: 1) = linger("confirm", code)
    def nudge = linger("nudge", 1)

    private
      # Tells that it is inside; the first to come in stays there until it is killed.
      def linger(name, code)
        path = File.join(directory, name)
        first = !File.exist?(path)
        File.write(path, "#{Process.pid}\n", mode: "a")
        sleep if first && File.exist?("#{path}.trap")
        reject "wrong" unless code == 1
      end
  end

  before { Workflow.configure { |config| config.store = "sqlite:#{@directory}/log.sqlite3" } }

  let(:object) { Shared.new(@directory) }

  def trap(name) = File.write(File.join(@directory, "#{name}.trap"), "")

  # A process that does what the block does and says what came of it. Forked before this process opens an engine.
  def child
    reader, writer = IO.pipe
    @children << fork do
      reader.close
      writer.puts(yield.to_s)
      exit!(0)
    rescue Exception => error # rubocop:disable Lint/RescueException
      writer.puts("#{error.class}: #{error.message}")
      exit!(1)
    end
    writer.close
    reader
  end

  def worker = child { Workflow::Worker.new(threads: 1).start && sleep }

  def said(reader, seconds: 30)
    IO.select([ reader ], nil, nil, seconds) or raise "nothing was said within #{seconds} s"
    reader.read.chomp
  end

  def within(seconds, what)
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + seconds
    until (value = yield)
      raise "#{what}: not within #{seconds} s" if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline
      IO.select(nil, nil, nil, 0.005)
    end
    value
  end

  # The processes that have been inside a method.
  def inside(name, count = 1)
    path = File.join(@directory, name)
    within(30, "#{count} inside #{name}") { File.exist?(path) && File.readlines(path).map(&:to_i).then { |pids| pids if pids.size >= count } }
  end

  # Started by a process that is gone: this one opens no engine before it has forked.
  def started(*submitted)
    said(child { object.start && submitted.map { |step| object.submit(step, code: 1).accepted? } && Workflow.runtime.stop })
  end

  def events = object.workflow.events.map(&:kind)

  def expect_whole
    path = Workflow.configuration.path
    Workflow.runtime.stop
    expect(Workflow::Verification.new(path).differences).to eq []
  end

  it "accept one of the inputs that threads of several processes submit at once" do
    started
    readers = Array.new(2) do
      child { Array.new(4) { Thread.new { object.submit(:sign, code: 1) } }.map(&:value).map { |one| one.accepted? || one.errors.full_messages.first }.join("|") }
    end
    verdicts = readers.flat_map { |reader| said(reader).split("|") }

    expect(verdicts.tally).to eq("true" => 1, "sign is already done." => 7)
    expect(events.count(:input_accepted)).to eq 1
    expect_whole
  end

  it "are free again when who submits is killed in the method; who waited is judged" do
    started
    trap("sign")
    child { object.submit(:sign, code: 1).accepted? }
    holder = inside("sign").first
    waiting = child { object.submit(:sign, code: 1).accepted? }
    worker
    kill(holder)

    expect(said(waiting)).to eq "true"
    expect(events).not_to include(:lease_lost)
    expect_whole
  end

  it "judge an early input again when who judges it is killed, and accept it once" do
    started(:confirm)
    trap("confirm")
    child { object.submit(:sign, code: 1).accepted? }
    holder = inside("confirm").first
    worker
    kill(holder)
    within(30, "done") { object.workflow.done? }

    expect(inside("confirm", 2).size).to eq 2
    expect(events.tally).to include(input_kept: 1, lease_lost: 1, input_accepted: 2)
    expect(object.workflow.events.find { |event| event.kind == :lease_lost }).to have_attributes(step: :confirm, reason: "crashed")
    expect_whole
  end

  it "are reminded of again when who reminds is killed, and wait on" do
    started(:sign)
    trap("nudge")
    Array.new(2) { child { Workflow::Worker.new(threads: 1).start.tap { Workflow.engine.travel(3_601_000) } && sleep } }
    kill(inside("nudge").first)
    inside("nudge", 2)
    within(30, "reminded") { events.include?(:reminded) }

    expect(events).to eq %i[run_started step_scheduled step_started step_completed input_requested input_accepted step_completed input_requested
      step_scheduled lease_lost step_scheduled reminded]
    expect(object.workflow).to be_waiting_for(:confirm)
    expect(object.submit(:confirm, code: 1)).to be_accepted
    expect_whole
  end
end
