# frozen_string_literal: true

RSpec.describe Workflow::Guest do
  include Waiting

  let(:lines) { Queue.new }
  let(:guest) { described_class.new(threads: 2) { |line| lines << line } }

  after { guest.stop(timeout: 5) }

  it "runs steps, and says with how many threads, on which log" do
    define("Errand") { include Workflow; def call = nil }
    guest.start

    expect(lines.pop).to match(/\Aworkflow \S+ works in this process \(pid #{Process.pid}\) with 2 threads, on sqlite:.*log\.sqlite3\.\z/)
    expect(guest).to be_working
    run = Errand.new.later(:call)
    eventually("it has run") { run.reload.done? }
  end

  it "finishes what it has in hand when it is stopped, and takes no more" do
    gate = Queue.new
    entered = Queue.new
    define("Errand") { include Workflow; define_method(:call) { entered << true && gate.pop } }
    guest.start
    first = Errand.new.later(:call)
    entered.pop
    stopping = Thread.new { guest.stop(timeout: 30) }
    wait_until("it takes no more") { !guest.working? }
    second = Errand.new.later(:call)
    gate << true

    expect(stopping.value).to be true
    eventually("it is written down") { first.reload.done? }
    expect(second.reload).to be_running
  end

  it "gives back what is not finished in time, and says so" do
    entered = Queue.new
    define("Errand") { include Workflow; define_method(:call) { entered << true && Thread.stop } }
    guest.start
    run = Errand.new.later(:call)
    entered.pop

    expect(guest.stop(timeout: 0)).to be false
    expect([ lines.pop, lines.pop, lines.pop ].last).to include("0 s were not enough for the steps in hand: they will be run again")
    expect(run.reload).to be_running
  end

  it "tries again, later each time, when it cannot begin, and reports the error" do
    Workflow.configuration.logger = Logger.new(log = StringIO.new)
    FileUtils.mkdir("#{@directory}/log.sqlite3")
    guest.start

    expect([ lines.pop, lines.pop ]).to match [ /Workflow::StoreUnavailable: .* \(the next attempt: in 1 s\)/, /in 2 s\)/ ]
    expect(log.string.scan("workflow: Workflow::StoreUnavailable").size).to eq 2
    FileUtils.rmdir("#{@directory}/log.sqlite3")
    expect(lines.pop).to include("works in this process")
  ensure
    Workflow.configuration.logger = nil
  end

  it "can be stopped before it has begun" do
    FileUtils.mkdir("#{@directory}/log.sqlite3")
    guest.start
    lines.pop

    expect(guest.stop(timeout: 5)).to be true
    expect(described_class.new.stop).to be true
  end

  it "does without a host that listens" do
    silent = described_class.new { raise IOError, "closed" }.start
    wait_until("it works") { silent.working? }

    expect(silent.stop(timeout: 5)).to be true
  end
end
