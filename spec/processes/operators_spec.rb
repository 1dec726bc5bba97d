# frozen_string_literal: true

require "spec_helper"
require "workflow/verification"
require_relative "../support/children"

# Workers that are killed, told to end or stopped beyond their leases again and again, while operators start, halt, skip, retry
# and submit at random. Prints its seed; SEED=1234 repeats it, LONG=1 goes on for two minutes.
RSpec.describe "kill -9 of workers while operators interfere", :processes do
  lease = 1
  workers = 2
  operators = 2
  seconds = ENV["LONG"] ? 120 : 8
  kills_min = 10

  # The process under test: steps side by side of which one fails, one runs once and one takes too long, an input that may come
  # early, a reminder, a delay. A step that runs once writes a line when it is entered.
  class Interfered
    include Workflow
    remembers :directory, :number
    attr_reader :directory, :number

    workflow do
      now :begin
      together do
        later :fail, retries: 3, backoff: 0.05
        later :pay, once: true
        later :hang, timeout: 0.2, retries: 2, backoff: 0.02
      end
      now :join
      await :sign, early: true, remind: { after: 0.3, with: :nudge }
      later :finish, wait: 0.1
    end

    def initialize(directory, number) = (@directory, @number = directory, number)
    def begin; end
    def join; end
    def nudge; end
    def finish = sleep(rand * 0.2)
    def sign(x:) = (reject "too large" if x > 7)

    def fail
      sleep rand * 0.1
      raise IOError, "no" if rand < 0.3
    end

    def pay
      work = Workflow::Execution.current.work
      File.write(File.join(directory, "paid"), "#{work.run_id} #{work.round} #{work.attempt} #{Process.pid}\n", mode: "a")
      sleep rand * 0.02
    end

    def hang
      sleep(rand < 0.05 ? 0.5 : 0.001)
      checkpoint
    end
  end

  # A person who does anything at any time to one of sixty subjects. What is refused is no error.
  class Operator
    SUBJECTS = 60
    STEPS = %i[begin fail pay hang join sign finish].freeze
    MOVED = %i[fail pay hang finish].freeze

    def initialize(directory, seed)
      @directory, @random = directory, Random.new(seed)
    end

    def work(&over)
      act(Interfered.new(@directory, @random.rand(SUBJECTS))) until over.call
    end

    private
      def act(object)
        run = object.workflow
        case @random.rand(12)
        when 0..2 then object.start
        when 3 then run.pause(reason: "held up")
        when 4 then run.resume
        when 5 then run.pause.resume # whoever had a step in hand has it no more, and goes on with it
        when 6 then run.cancel if rarely(0.2)
        when 7 then run.skip(any(STEPS)) if rarely(0.3)
        when 8, 9 then object.submit(:sign, x: @random.rand(10))
        when 10 then run.retry
        when 11 then rarely(0.5) ? object.now(any(MOVED)) : object.later(any(MOVED))
        end
      rescue Workflow::NotPending, Workflow::Interrupted
        nil
      end

      def any(list) = list.sample(random: @random)
      def rarely(share) = @random.rand < share
  end

  let(:seed) { Integer(ENV.fetch("SEED") { RSpec.configuration.seed }) }
  let(:random) { Random.new(seed) }
  let(:at_work) { [] }
  let(:stopped) { [] }

  def file(name) = File.join(@directory, name)
  def lines(name) = File.exist?(file(name)) ? File.readlines(file(name), chomp: true) : []
  def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

  define_method(:configure) do
    Workflow.configure { |config| config.store = "sqlite:#{file("log.sqlite3")}"; config.lease = lease }
  end

  def child
    number = @number = (@number || 0) + 1
    pid = fork do
      srand(seed + number)
      configure
      exit!(yield || 0)
    rescue Exception => error # rubocop:disable Lint/RescueException
      File.write(file("errors"), [ "#{error.class}: #{error.message}", *error.backtrace.first(8) ].join("\n  ").concat("\n"), mode: "a")
      exit!(1)
    end
    @children << pid
    pid
  end

  def start_worker
    child do
      said = File.open(file("said-#{Process.pid}"), "w")
      Workflow::Supervisor.new(Workflow::Worker.new(threads: 5), threads: 5, out: said, drain_s: 20).run.tap { Workflow.runtime.stop }
    end
  end

  def start_operator
    over = file("over")
    seed = self.seed + @children.size
    child { Operator.new(@directory, seed).work { File.exist?(over) } && Workflow.runtime.stop && nil }
  end

  # Looks again whenever the log has grown. Who is stopped may have had its turn to write: nobody writes before it goes on.
  def within(seconds, what)
    deadline = now + seconds
    until (value = yield)
      wake
      raise "#{what}: not within #{seconds} s, seed #{seed}\n#{lines("errors").join("\n")}" if now > deadline
      Workflow.engine.wait_log(Workflow.engine.last_position, 20)
    end
    value
  end

  # The log's events after those that were read already.
  def read_log
    events = Workflow.engine.log(@position ||= 0, 2000).map { |row| Workflow::Event.new(row) }
    @position = events.last.position if events.any?
    events
  end

  def wait_for_events(count)
    within(60, "#{count} more events") { (count -= read_log.size) <= 0 }
  end

  def wait_for_end(pid)
    within(60, "the end of a process") { Process.wait(pid, Process::WNOHANG) }
    @children.delete(pid)
    $?
  end

  # One that has ended by itself before that is an error.
  def kill(pid)
    Process.kill("KILL", pid)
    expect(wait_for_end(pid).termsig).to eq Signal.list["KILL"]
  end

  # Once it has said that it works: a signal before that would end whatever the fork has of this process.
  def tell_to_end(pid)
    within(60, "a worker works") { lines("said-#{pid}").any? }
    Process.kill("TERM", pid)
    expect(wait_for_end(pid)).to be_success
  end

  # For longer than its lease; when it goes on it has late results to tell, until it is killed like any other.
  define_method(:stop) do |pid|
    Process.kill("STOP", pid)
    stopped << [ pid, now + lease * 1.5 ]
  end

  def wake(all: false)
    while stopped.any? && (all || stopped.first.last < now)
      at_work << stopped.shift.first
      Process.kill("CONT", at_work.last)
    end
  end

  # @return [Hash] how often it did what to a worker
  define_method(:attack) do
    counts, ends = Hash.new(0), now + seconds
    until now > ends && counts[:kill] >= kills_min
      at_work << start_worker while at_work.size < workers
      wait_for_events(random.rand(1..60))
      how = { 0 => :stop, 1 => :tell_to_end, 2 => :tell_to_end }.fetch(random.rand(10), :kill)
      public_send(how, at_work.delete_at(random.rand(at_work.size)))
      counts[how] += 1
    end
    wake(all: true)
    counts
  end

  # Somebody who lets go on, tries again and submits whatever needs it, until every run has ended.
  def clear_up
    within(120, "every run has ended") do
      open = Workflow::Runs::STATES - Workflow::Run::ENDED
      open.flat_map { |state| Interfered.workflows.public_send(state).to_a }.each { |run| clear(run) }.empty?
    end
  end

  def clear(run)
    case run.state
    when :paused then run.resume
    when :failed then run.retry
    when :waiting then run.submit(:sign, x: 1)
    end
  rescue Workflow::NotPending
    nil # it has moved on
  end

  def whole_log
    @position = 0
    events = []
    while (read = read_log).any?
      events.concat(read)
    end
    events
  end

  def more_than_one(events) = events.tally.select { |_, count| count > 1 }

  # A result is of the last attempt that was started: what was claimed again meanwhile has no say.
  def results_of_others(events)
    last = {}
    events.filter_map do |event|
      step = [ event.run_id, event.step ]
      last[step] = [ event.round, event.attempt, event.by ] if event.kind == :step_started
      event if event.kind == :step_completed && event.step != :sign && last[step] != [ event.round, event.attempt, event.by ]
    end
  end

  # Of each subject, one run at a time.
  def open_twice(events)
    subject_of = Interfered.workflows.to_h { |run| [ run.id, run.snapshot[:key] ] }
    open = {}
    events.filter_map do |event|
      subject = subject_of[event.run_id]
      open.delete(subject) if %i[run_done run_cancelled].include?(event.kind)
      event if event.kind == :run_started && open[subject]&.!=(event.run_id)
    ensure
      open[subject] = event.run_id if event.kind == :run_started
    end
  end

  def expect_sound_log(events)
    completed = events.select { |event| event.kind == :step_completed }
    events.group_by(&:run_id).each_value { |of_run| expect(of_run.map(&:version)).to eq (1..of_run.size).to_a }
    expect(more_than_one(completed.map { |event| [ event.run_id, event.step, event.round ] })).to be_empty
    expect(results_of_others(events)).to be_empty
    expect(more_than_one(lines("paid").map { |line| line.split.first(2) })).to be_empty
    expect(open_twice(events)).to be_empty
  end

  it "ends every run, without a gap, and does nothing twice that is to be done once" do
    operating = Array.new(operators) { start_operator }
    at_work.concat(Array.new(workers) { start_worker })
    configure
    Interfered.new(@directory, 0).start # now there is a log
    counts = attack
    File.write(file("over"), "")
    operating.each { |pid| wait_for_end(pid) }
    expect(lines("errors")).to be_empty
    clear_up
    at_work.each { |pid| kill(pid) }

    events = whole_log
    puts "    seed #{seed}: #{counts[:kill]} kills, #{counts[:tell_to_end]} told to end, #{counts[:stop]} stopped; " \
      "#{Interfered.workflows.map(&:state).tally}, #{events.size} events, #{events.count { |event| event.kind == :lease_lost }} claims lost, " \
      "#{lines("paid").size} times paid"
    expect_sound_log(events)
    expect(lines("errors")).to be_empty
    Workflow.runtime.stop
    expect(Workflow::Verification.new(file("log.sqlite3")).differences).to eq []
  end
end
