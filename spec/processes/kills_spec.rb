# frozen_string_literal: true

require "spec_helper"
require "workflow/verification"
require_relative "../support/children"

# Three workers and two starters on one file; workers are killed with -9 all the while.
RSpec.describe "kill -9 of workers under load", :processes do
  # The process under test: every kind of step, each long enough to be hit.
  class Killed
    include Workflow
    remembers :number
    attr_reader :number

    workflow do
      now :create
      later :send_link, retries: 2
      await :activate
      later :onboard
    end

    def initialize(number) = @number = number
    def create; end
    def send_link = sleep(0.005 + rand * 0.04)
    def activate(code:) = (reject "wrong" unless code == number)
    def onboard = sleep(0.005 + rand * 0.04)
  end

  runs = Integer(ENV.fetch("RUNS", 2000))
  starters = 2
  workers = 3
  kills_min = 20

  let(:path) { File.join(@directory, "kills.sqlite3") }

  def configured
    Workflow.configure { |config| config.store = "sqlite:#{path}" }
    yield
  end

  def child(name)
    pid = fork do
      $stdout.reopen(File::NULL)
      configured { yield }
      exit!(0)
    rescue Exception => error # rubocop:disable Lint/RescueException
      warn "#{name}: #{error.full_message}"
      exit!(1)
    end
    @children << pid
    pid
  end

  def start_worker
    child("worker") { Workflow::Worker.new(threads: 5).start && sleep }
  end

  # Starts its share, and submits each as soon as the log says that it waits.
  def start_starter(index, count)
    child("starter") do
      mine = {}
      position = 0
      starting = Thread.new { count.times { |i| Killed.new(number = index * 1_000_000 + i).start.then { |run| mine[run.id] = number } } }
      submitted = 0
      until submitted == count
        Workflow.engine.wait_log(position, 100)
        Workflow.engine.log(position, 1000).each do |event|
          break if event[3] == :input_requested && mine[event[1]].nil? && starting.alive?
          position = event[0]
          next unless event[3] == :input_requested && (number = mine[event[1]])
          raise "refused" unless Killed.new(number).submit(:activate, code: number).accepted?
          submitted += 1
        end
      end
      starting.join
    end
  end

  def within(seconds, what)
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + seconds
    until (value = yield)
      raise "#{what}: not within #{seconds} s" if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline
    end
    value
  end

  # What the log says, read once, as it grows.
  class Account
    attr_reader :done, :crashed, :completed, :parked

    def initialize
      @position, @done, @crashed, @completed, @parked = 0, 0, Hash.new(0), Hash.new(0), []
    end

    def read
      Workflow.engine.wait_log(@position, 50)
      events = Workflow.engine.log(@position, 2000)
      events.each { |event| take(event) }
      @position = events.last[0] if events.any?
      self
    end

    def take(event)
      case event[3]
      when :run_done then @done += 1
      when :run_failed then @parked << event[1]
      when :lease_lost then @crashed[pid(event[8])] += 1
      when :step_completed then @completed[pid(event[8])] += 1
      end
    end

    def pid(name) = name[/:(\d+)@/, 1].to_i
  end

  it "loses nothing, doubles nothing, and the projections are what the events say" do
    seed = RSpec.configuration.seed
    random = Random.new(seed)
    pids = Array.new(workers) { start_worker }
    starter_pids = Array.new(starters) { |i| start_starter(i + 1, runs / starters) }
    killed = []
    retried = 0

    configured do
      account = Account.new
      until account.read.done == runs
        victim = pids.delete_at(random.rand(pids.size))
        Process.kill("KILL", victim)
        Process.wait(victim)
        killed << victim
        pids << (replacement = start_worker)
        within(60, "a step finished by the replacement") do
          account.read
          retried += retry_parked(account) # what is left may be parked: then the replacement has nothing else to do
          account.completed[replacement].positive? || account.done == runs
        end
      end
      hits = killed.count { |pid| account.crashed[pid].positive? }
      puts "    seed #{seed}: #{killed.size} kills, #{hits} hit an entered step, #{account.crashed.values.sum} crashes recorded, #{retried} parked and retried"
      expect(hits).to be >= kills_min
      expect(starter_pids.map { |pid| Process.wait(pid) && $?.exitstatus }).to all(eq 0)
      Workflow.runtime.stop
    end
    pids.each { |pid| Process.kill("KILL", pid) && Process.wait(pid) }

    expect_whole_log(runs)
    verification = Workflow::Verification.new(path)
    expect(verification.differences).to eq []
    expect(verification.runs).to eq runs
    plant_a_wrong_row
    expect(Workflow::Verification.new(path).differences.join).to include("timers")
  end

  # A person who looks after parked steps.
  def retry_parked(account)
    blueprint = Killed.workflow.blueprint(Killed)
    account.parked.shift(account.parked.size).count { |id| Workflow.engine.retry(id, blueprint, nil, "spec:1@h")[0] == :ok }
  end

  def expect_whole_log(runs)
    events = Hash.new { |hash, id| hash[id] = [] }
    configured do
      position = 0
      while (rows = Workflow.engine.log(position, 2000)).any?
        rows.each { |event| events[event[1]] << event }
        position = rows.last[0]
      end
      Workflow.runtime.stop
    end
    expect(events.size).to eq runs
    events.each_value do |of_run|
      expect(of_run.map { |event| event[2] }).to eq (1..of_run.size).to_a
      expect(of_run.last[3]).to eq :run_done
      completed = of_run.select { |event| event[3] == :step_completed }.map { |event| event[4] }
      expect(completed).to eq %i[create send_link activate onboard]
    end
  end

  def plant_a_wrong_row
    database = SQLite3::Database.new(path)
    database.execute("INSERT INTO timers(run_id, step, due_ms) SELECT id, 1, 1 FROM runs LIMIT 1")
  ensure
    database.close
  end
end
