# frozen_string_literal: true

require_relative "puma_server"
require_relative "rails_application"

# `plugin :workflow`, with real processes of Puma.
RSpec.describe "Puma's plugin" do
  include PumaServer
  include RailsApplication

  before(:all) { Object.class_eval(PumaServer::CODE.lines.drop(2).join) }
  after(:all) { Object.__send__(:remove_const, :Errand) }
  after { end_puma }

  it "runs steps in the process that serves, and says so" do
    puma

    expect(run_one("a")).to eq @puma
    expect(at_work).to eq [ @puma ]
    expect(said).to match(/\* workflow #{Workflow::VERSION} works in this process \(pid #{@puma}\) with 2 threads, on sqlite:/)
  end

  it "does so in each process of a cluster, and not in the one that holds it together" do
    puma "workers 2\npreload_app! false"
    pids = wait_until("both are at work", within: 60) { at_work if at_work.size == 2 }

    expect(pids.uniq.size).to eq 2
    expect(pids).not_to include(@puma)
    expect(pids).to include(run_one("a"))
  end

  it "does so after a fork of an application that was preloaded, and has used the log before" do
    puma "workers 2\npreload_app!", rackup: "#{PumaServer::RACKUP}Errand.new(\"before\").later(:call)\n"
    pids = wait_until("both are at work", within: 60) { at_work if at_work.size == 2 }

    expect(pids).not_to include(@puma)
    expect(pids).to include(run_one("a"))
    wait_until("what was queued before the fork has run", within: 60) { File.exist?("#{@directory}/before") }
  end

  it "finishes the steps in hand at SIGTERM, and then ends" do
    puma
    run, = begun
    Process.kill("TERM", @puma)
    wait_until("it takes no more requests", within: 60) { said.include?("Gracefully stopping") && !answer }
    expect(run.reload).to be_running
    let_go

    ended
    expect(run.reload).to be_done
    expect(run.step(:linger).attempts).to eq 1
  end

  it "does so in a cluster" do
    puma "workers 2\npreload_app! false"
    run, pid = begun
    Process.kill("TERM", @puma)
    wait_until("it takes no more requests", within: 60) { !answer }
    let_go

    expect(pid).not_to eq @puma
    ended
    expect(run.reload).to be_done
    expect(run.step(:linger).attempts).to eq 1
  end

  it "goes on in the new processes of a phased restart, when the old ones have finished what they had in hand" do
    puma "workers 2\npreload_app! false"
    old = wait_until("both are at work", within: 60) { at_work if at_work.size == 2 }
    run, pid = begun
    Process.kill("USR1", @puma)
    wait_until("the restart has begun", within: 60) { said.include?("phased worker restart") }
    let_go
    new = wait_until("both are replaced", within: 60) { at_work.drop(2) if at_work.size == 4 }

    expect(old).to include(pid)
    expect(run.reload).to be_done
    expect(run.step(:linger).attempts).to eq 1
    expect(new & old).to eq []
    wait_until("the new ones run steps", within: 60) { new.include?(run_one("after")) }
    Process.kill("TERM", @puma)
    expect(ended.termsig).to eq Signal.list["TERM"] # as Puma ends, not killed
  end

  it "goes on after a hot restart, which waits for the steps in hand" do
    puma
    run, = begun
    Process.kill("USR2", @puma)
    let_go

    wait_until("it is at work again", within: 60) { at_work.size == 2 }
    expect(at_work.uniq).to eq [ @puma ]
    expect(run.reload).to be_done
    expect(run.step(:linger).attempts).to eq 1
    expect(run_one("after")).to eq @puma
    expect(wait_until("it answers", within: 60) { answer }).to eq @puma
  end

  it "never takes Puma down: a store that cannot be opened is reported and tried again until it can" do
    FileUtils.mkdir("#{@directory}/log.sqlite3")
    puma
    wait_until("it has said so twice", within: 60) { said.scan("does not work in this process (pid #{@puma}), which goes on without it: Workflow::StoreUnavailable: ").size == 2 }
    expect(said).to include("(the next attempt: in 1 s)", "(the next attempt: in 2 s)")
    expect(answer).to eq @puma
    FileUtils.rmdir("#{@directory}/log.sqlite3")

    wait_until("it works after all", within: 60) { at_work == [ @puma ] }
    expect(run_one("a")).to eq @puma
  end

  it "runs nothing when WORKFLOW_IN_PUMA says no, and says that" do
    puma WORKFLOW_IN_PUMA: " False"

    expect(said).to include("runs no steps in Puma, since WORKFLOW_IN_PUMA=false")
    expect(at_work).to eq []
    run = Errand.new("#{@directory}/x").later(:call)
    Process.kill("TERM", @puma)
    ended
    expect(run.reload).to be_running
  end

  describe "in Rails" do
    const_set(:RACKUP, <<~'RUBY')
      require_relative "config/environment"
      Workflow.configure { |c| c.store = ENV.fetch("STORE") }
      run ->(env) { env["PATH_INFO"] == "/start" ? [ 200, {}, [ Signup.start(email: "a").workflow.id ] ] : [ 200, {}, [ Process.pid.to_s ] ] }
    RUBY

    it "runs the steps of records in the process that serves, and says when there are too few database connections" do
      application # with ten
      puma "threads 6, 6", rackup: self.class::RACKUP, RAILS_ENV: "test"
      id = Net::HTTP.get(URI("http://127.0.0.1:#{@port}/start"))

      step = wait_until("a step has run", within: 60) { Workflow.events.select { |event| event.run_id == id }.find { |event| event.step == :send_link && event.kind == :step_completed } }
      expect(step.by).to start_with("worker:#{@puma}@")
      expect(said).to include("! workflow has 10 database connections for 6 threads of Puma's and 5 for steps: set pool: 11 in config/database.yml.")
    end

    it "says nothing of connections when there are enough" do
      application
      puma "threads 5, 5", rackup: self.class::RACKUP, RAILS_ENV: "test"
      wait_until("it is at work", within: 60) { at_work == [ @puma ] }
      Process.kill("TERM", @puma)
      ended

      expect(said).not_to include("database connections")
    end
  end
end
