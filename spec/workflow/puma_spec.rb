# frozen_string_literal: true

require "json"
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

  describe "in Rails, with a health check" do
    const_set(:RACKUP, <<~'RUBY')
      require_relative "config/environment"
      run ->(env) { [ 200, {}, [ Process.pid.to_s ] ] }
    RUBY
    # As bin/rails does it, which loads the application before there is a Puma.
    const_set(:SERVER, <<~'RUBY')
      require "rails/command"
      APP_PATH = File.expand_path("config/environment")
      Rails::Command.invoke(:server, [ "-b", "127.0.0.1", "-p", ENV.fetch("PORT"), "-e", "test" ])
    RUBY

    let(:health) { TCPServer.open("127.0.0.1", 0) { |server| server.addr[1] } }

    def boot(config, **options)
      environment = RailsApplication::FILES["config/environment.rb"].sub('"workflow"', '"workflow"; require "puma"')
      application("config/environment.rb" => environment, "config/puma.rb" => "bind \"tcp://127.0.0.1:\#{ENV.fetch(\"PORT\")}\"\n#{config}\n",
        "config/initializers/workflow.rb" => "Workflow.configure { |c| c.store = ENV.fetch(\"STORE\"); c.health = ENV.fetch(\"HEALTH\") }\n#{options.delete(:initializer)}")
      puma(config, rackup: self.class::RACKUP, RAILS_ENV: "test", LOG: "1", HEALTH: "127.0.0.1:#{health}", **options)
    end

    # @return [Integer, nil] the process that says that it lives
    def live
      response = Net::HTTP.start("127.0.0.1", health, open_timeout: 2, read_timeout: 2) { |http| http.get("/live") }
      JSON.parse(response.body)["pid"] if response.code == "200"
    rescue SystemCallError, EOFError, Net::OpenTimeout, Net::ReadTimeout
      nil
    end

    def await_both = wait_until("both workers have booted", within: 60) { forked if forked.size == 2 }

    # What a cluster is to do, however it was started: a worker answers, so that nobody does while the workers stand still.
    def expect_a_worker_to_answer
      pids = await_both
      alive = wait_until("a probe is answered", within: 60) { live }
      expect(pids).to include alive
      wait_until("the other one does without", within: 60) { said.include?("another process answers probes on 127.0.0.1:#{health}: this one does without.") }
      Process.kill("STOP", *pids)
      wait_until("nobody answers", within: 10) { !live }
      Process.kill("CONT", *pids)
      expect(wait_until("a probe is answered again", within: 60) { live }).to eq alive
      expect(said).not_to include("cannot answer on")
      alive
    end

    it "answers in a worker of a cluster that has preloaded it, and in the next one when that one is gone" do
      boot "workers 2\npreload_app!", plugin: false
      first = expect_a_worker_to_answer
      Process.kill("KILL", first)

      second = wait_until("the next one answers", within: 60) { live }
      expect(second).not_to eq first
      wait_until("it is a worker", within: 60) { forked.include?(second) }
    end

    it "does so with the plugin, and where the application has used the log before the fork" do
      boot "workers 2\npreload_app!", initializer: "Rails.application.config.after_initialize { Workflow.events.first }"

      expect_a_worker_to_answer
    end

    it "does so under rails server" do
      boot "workers 2\npreload_app!", plugin: false, command: [ "bundle", "exec", "ruby", "-e", self.class::SERVER ],
        initializer: "Rails.application.config.after_initialize { Workflow.events.first }"

      expect_a_worker_to_answer
    end

    it "does so in a cluster that has not preloaded it, and goes on in a phased restart" do
      boot "workers 2\npreload_app! false", plugin: false
      first = expect_a_worker_to_answer
      Process.kill("USR1", @puma)
      new = wait_until("both are replaced", within: 60) { forked.drop(2) if forked.size == 4 }

      expect(new).to include(wait_until("a new one answers", within: 60) { live }).and(satisfy { |pids| !pids.include?(first) })
    end

    it "answers in the one process without a cluster, be it under rails server" do
      boot "", plugin: false
      expect(wait_until("a probe is answered", within: 60) { live }).to eq @puma
      end_puma
      boot "", plugin: false, command: [ "bundle", "exec", "ruby", "-e", self.class::SERVER ]
      expect(wait_until("a probe is answered", within: 60) { live }).to eq @puma
    end
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
      expect(said).to include("! workflow has 10 database connections for 6 threads of Puma's and up to 10 for steps: set pool: 16 in config/database.yml.")
    end

    it "names the setting of connections that there is" do
      application("config/database.yml" => "test: {adapter: sqlite3, database: storage/test.sqlite3, pool: 10, max_connections: 10}\n",
        "config/initializers/pool.rb" => <<~RUBY)
          ActiveRecord::ConnectionAdapters::ConnectionPool.class_eval { alias_method :max_connections, :size unless method_defined?(:max_connections) } # as Rails 8.1 has it
        RUBY
      puma "threads 6, 6", rackup: self.class::RACKUP, RAILS_ENV: "test"
      wait_until("it is at work", within: 60) { at_work == [ @puma ] }
      Process.kill("TERM", @puma)
      ended

      expect(said).to include("up to 10 for steps: set max_connections: 16 in config/database.yml.")
    end

    it "says nothing of connections when there are enough" do
      application("config/database.yml" => "test: {adapter: sqlite3, database: storage/test.sqlite3, pool: 15}\n")
      puma "threads 5, 5", rackup: self.class::RACKUP, RAILS_ENV: "test"
      wait_until("it is at work", within: 60) { at_work == [ @puma ] }
      Process.kill("TERM", @puma)
      ended

      expect(said).not_to include("database connections")
    end
  end
end
