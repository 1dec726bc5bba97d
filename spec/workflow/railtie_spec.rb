# frozen_string_literal: true

require_relative "rails_application"

RSpec.describe "Workflow::Railtie" do
  include RailsApplication

  it "gives an application its store, its roles and its log" do
    application
    said = in_application(<<~RUBY, LOG: "1")
      puts Workflow.configuration.path
      signup = Signup.start(email: "a@b.c")
      puts signup.workflow.state, signup.workflow.step(:create).by
    RUBY

    expect(said).to include("#{@directory}/storage/test_workflow.sqlite3\n", "\nrunning\n")
    expect(said).to match(/\[\w{13}\] Signup workflow started/).and match(/\[\w{13} create\] Signup#create completed/)
    expect(File.exist?("#{@directory}/storage/test_workflow.sqlite3")).to be true
  end

  it "answers probes of a process that serves pages from its boot on, and of no other" do
    application("config/environment.rb" => RailsApplication::FILES["config/environment.rb"].sub("Rails.application.initialize!", <<~RUBY))
      module Rails::Server; end if ENV["WEB"]
      Workflow.configure { |c| c.health = "127.0.0.1:0" }
      Rails.application.initialize!
    RUBY
    probe = "puts Workflow.runtime.open?"

    expect(in_application(probe)).to eq "false\n"
    expect(in_application(<<~RUBY, WEB: "1")).to eq "true\n200\n"
      #{probe}
      require "net/http"
      puts Net::HTTP.get_response(URI("http://\#{Workflow.runtime.answer_probes}/ready")).code
    RUBY
  end

  it "runs steps inside the executor, and reports their errors" do
    application("app/models/signup.rb" => <<~RUBY)
      class Signup < ActiveRecord::Base
        include Workflow
        workflow { later :go }
        def go = raise(Rails.application.executor.active?.to_s)
      end
    RUBY
    said = in_application(<<~RUBY)
      Rails.error.subscribe(Class.new { def report(error, **given) = puts("\#{error.message} \#{given[:handled]} \#{given[:source]} \#{given[:context][:step]}") }.new)
      run = Signup.start(email: "a").workflow
      worker = Workflow::Worker.new(threads: 1).start
      sleep 0.01 until run.reload.failed?
      p worker.stop
    RUBY

    expect(said).to eq "true false workflow go\ntrue\n"
  end

  it "publishes what workers record inside the executor, and has the line of a step that failed while its worker stopped" do
    application("app/models/signup.rb" => <<~RUBY)
      class Signup < ActiveRecord::Base
        include Workflow
        workflow { later :go }
        GATES = [ Queue.new, Queue.new ]
        def go = (GATES.first << true) && GATES.last.pop && raise(IOError, "broken")
      end
    RUBY
    said = in_application(<<~RUBY, LOG: "1")
      ActiveSupport::Notifications.subscribe("fail.workflow") { puts "\#{Thread.current.name} \#{Rails.application.executor.active?}" }
      Signup.start(email: "a")
      worker = Workflow::Worker.new(threads: 1).start
      Signup::GATES.first.pop
      stopping = Thread.new { worker.stop }
      sleep 0.01 until stopping.status == "sleep"
      Signup::GATES.last << true
      p stopping.value
    RUBY

    expect(said.lines).to include("workflow-announcer true\n", "true\n")
    expect(said.lines.grep(/IOError/)).to contain_exactly(/^E, .*Signup#go failed: IOError: broken.*it is not tried again by itself/)
  end

  it "has a line in its log of errors that are no step's, though nobody subscribes to them; and one of a step's" do
    application("app/models/signup.rb" => <<~RUBY)
      class Signup < ActiveRecord::Base
        include Workflow
        workflow { later :go }
        def go = raise(IOError, "broken")
      end
    RUBY
    said = in_application(<<~RUBY, LOG: "1")
      failed = Queue.new
      ActiveSupport::Notifications.subscribe("fail.workflow") { failed << true }
      Signup.start(email: "a")
      worker = Workflow::Worker.new(threads: 1).start
      failed.pop
      worker.stop
      ActiveRecord::Schema.define { create_table(:workflow_receipts) { |t| t.string :token } }
      Workflow::Receipts.forget
      Workflow::Recovery.new(Workflow.configuration).sweep
    RUBY

    expect(said.scan(/^W, .*workflow: Workflow::ReceiptsInvalid: The table workflow_receipts of primary .* has no column/).size).to eq 1
    expect(said.lines.grep(/IOError/)).to contain_exactly(/^E, .*Signup#go failed: IOError: /)
  end

  it "answers what a request asks for too late or in vain as such, unless the application says otherwise" do
    application("config/initializers/responses.rb" => "Rails.application.config.action_dispatch.show_exceptions = :all\n",
      "config/environment.rb" => RailsApplication::FILES.fetch("config/environment.rb").sub("config.hosts.clear",
        "config.hosts.clear\nconfig.consider_all_requests_local = false\nconfig.action_dispatch.rescue_responses[\"Workflow::SubjectMissing\"] = :gone if ENV[\"GONE\"]"),
      "config/routes.rb" => "Rails.application.routes.draw { get \"/:id\", to: \"mistakes#show\" }\n",
      "app/controllers/mistakes_controller.rb" => <<~RUBY)
        class MistakesController < ActionController::Base
          def show = raise(Workflow.const_get(params[:id]), "as in vain")
        end
      RUBY
    answers = <<~'RUBY'
      class Heard; def report(error, **) = puts("reported #{error.class}"); end
      Rails.error.subscribe(Heard.new)
      http = Rack::MockRequest.new(Rails.application)
      puts %w[NotPending NotWaiting Rejected SubjectMissing RunMissing StoreError BadInput PayloadTooLarge].map { |name| http.get("/#{name}").status }.inspect
    RUBY

    expect(in_application(answers, RUBYOPT: "-W:deprecated").lines(chomp: true)).to eq [ "reported Workflow::StoreError", "[409, 409, 422, 404, 404, 500, 400, 413]" ]
    expect(in_application(answers, GONE: "1").lines(chomp: true)).to eq [ "reported Workflow::StoreError", "[409, 409, 422, 410, 404, 500, 400, 413]" ]
  end

  it "begins the log anew with the database; where only that is new, no record takes over the run of another" do
    application
    started = in_application("2.times { Signup.start(email: 'a') }; puts Signup.last.workflow.id")
    File.delete("#{@directory}/storage/test.sqlite3")
    said = in_application(<<~'RUBY')
      signup = Signup.new(email: "b")
      [ -> { Signup.start(email: "b") }, -> { signup.start! } ].each { |start| start.call && puts("started") rescue puts("#{$!.class}: #{$!.message}") }
      Signup.transaction { Signup.start(email: "b") rescue nil }
      p Signup.count, Signup.start(id: 2, email: "of an id that I know").workflow.id
    RUBY
    expect(said.lines(chomp: true)).to match [ /\AWorkflow::StoreError: Signup 1 has just been made, .*bin.rails workflow:reset\), .*Workflow::Run.find\("\w+"\).cancel\. Tests want .*\z/, /Signup 1 has just/, "0", started.strip.inspect ]

    expect(rake("db:drop")).to match(/workflow: removed the log .*storage\/test_workflow.sqlite3, with all runs/)
    expect(Dir.children("#{@directory}/storage").grep(/workflow/)).to eq []
    expect(in_application("p Signup.start(email: 'b').workflow.state, Signup.workflows.count")).to eq ":running\n1\n"
    expect(rake("workflow:reset", "workflow:reset")).to match(/removed the log/)
    expect(rake("workflow:reset")).to match(/there is no log at/)
    expect(rake("workflow:reset", RAILS_ENV: "production", DATABASE_URL: "sqlite3:storage/test.sqlite3")).to match(/production's: all its runs would be gone.*DISABLE_DATABASE_ENVIRONMENT_CHECK=1/)
  end

  it "has a log of its own in a console's sandbox" do
    application
    in_application("Signup.start(email: 'a')")
    said = in_application(<<~'RUBY')
      Rails.application.sandbox = true
      Rails.application.load_console
      p Signup.first.workflow.state, Signup.start(email: "b").workflow.state, Workflow.events.count.positive?
    RUBY

    expect(said.lines(chomp: true).grep(/\A(workflow: |:|true)/)).to eq [ "workflow: this sandbox has a log of its own, without runs, which is gone at its end", ":none", ":running", "true" ]
    expect(in_application("p Workflow.events.map(&:run_id).uniq.size, Signup.first.workflow.state")).to eq "1\n:running\n"
  end

  it "refuses to share a database with the application" do
    application
    said = in_application('Workflow.configure { |c| c.store = "sqlite:storage/test.sqlite3" }; begin; Workflow.engine; rescue => e; puts e.class, e.message; end')

    expect(said).to match(%r{Workflow::StoreError\n.*storage/test.sqlite3 is a database of the application})
  end

  it "says after eager load, and in rake workflow:check, which method is missing" do
    application("app/models/wrong.rb" => "class Wrong\n  include Workflow\n  workflow { now :go }\nend\n")
    message = %r{app/models/wrong.rb:3: now :go needs a method go in Wrong}

    expect(in_application("puts :booted", EAGER: "1")).to match(message)
    expect(in_application("puts :booted")).to eq "booted\n"
    expect(rake("workflow:check")).to match(message)
    File.write("#{@directory}/app/models/wrong.rb", "class Wrong; include Workflow; workflow { now :go }; def go; end; end")
    expect(rake("workflow:check")).to include("workflow: 2 classes checked")
  end

  describe "of records whose attributes are asked for" do
    def orders(**files)
      application("app/models/order.rb" => <<~RUBY, **files)
        class Order < ActiveRecord::Base
          include Workflow
          workflow(while: :active?, mirror: true) { now :pack, unless: :digital?; now :ship }
          def pack; end
          def ship; end
        end
      RUBY
    end

    it "boots before their table is there; at first use, and in rake workflow:check, it is to be" do
      orders
      missing = /Could not find table 'orders'/

      expect(in_application("puts :booted", EAGER: "1")).to eq "booted\n"
      expect(in_application("Order.workflow.blueprint(Order)", EAGER: "1")).to match(missing)
      expect(rake("workflow:check")).to match(missing)
    end

    it "boots without their database, and still says what can be said without it" do
      environment = RailsApplication::FILES.fetch("config/environment.rb").sub(/^ActiveRecord::Schema.*\z/m, "")
      orders("config/environment.rb" => environment, "config/database.yml" => "test: {adapter: sqlite3, database: /dev/null/away}\n")
      expect(in_application("puts :booted", EAGER: "1")).to eq "booted\n"
      expect(rake("workflow:check")).to match(/ActiveRecord::\w+Error|ActiveRecord::ConnectionNotEstablished/)

      File.write(file = "#{@directory}/app/models/order.rb", File.read(file).sub("def ship;", "def ship(by);"))
      expect(in_application("puts :booted", EAGER: "1")).to match(/order.rb:3: now :ship calls Order#ship without arguments, but it requires some/)
    end

    it "says after eager load which of them there is not, where the database can be asked" do
      orders
      in_application("ActiveRecord::Schema.define { create_table(:orders) { |t| t.boolean :digtal, :active } }")

      expect(in_application("puts :booted", EAGER: "1")).to match(/order.rb:3: now :pack needs a method digital\? in Order, which has none/)
    end
  end

  it "says in rake workflow:work what is wrong with what it was given" do
    application

    expect(rake("workflow:work", THREADS: "many")).to include(%(threads must be a number from 1 to 512, not "many"))
    expect(rake("workflow:work", THREADS: "", HEALTH: "nowhere")).to include("health must be", %(not "nowhere"))
  end

  it "says in rake workflow:check which open runs the new code cannot carry on, and exits so" do
    application
    in_application('Signup.start(email: "a")')
    expect(rake("workflow:check")).to include("workflow: 1 open run, all can go on with this code.")
    expect($?.exitstatus).to eq 0

    application("app/models/signup.rb" => <<~RUBY)
      class Signup < ActiveRecord::Base
        include Workflow
        workflow { now :create; await :activate }
        def create; end
      end
    RUBY
    expect(rake("workflow:check")).to match(/Signup, step send_link: 1 will stop when they come to it\n  Signup's workflow \(app\/models\/signup.rb:3\)/)
      .and include("Signup/1 (run ", "run.skip(:send_link)")
    expect($?.exitstatus).to eq 1
  end

  # What a worker of the application says that is told to stop once the run waits: its status, whether it ran the step, and its output.
  def worked_by(*command)
    in_application(<<~RUBY)
      pid = spawn("bundle", "exec", *#{command.inspect}, out: "log/work", err: "log/work")
      run = Signup.last.workflow
      sleep 0.05 until run.reload.waiting?
      Process.kill("TERM", pid)
      Process.wait(pid)
      puts $?.exitstatus, run.step(:send_link).by.include?("worker:\#{pid}@"), File.read("log/work")
    RUBY
  end

  it "is there in the gem's own command too, which loads the gem before Rails" do
    application("config/application.rb" => "# there\n")
    in_application('Signup.start(email: "a")')

    expect(command("check")).to eq "workflow: 1 class checked, all methods are there.\nworkflow: 1 open run, all can go on with this code.\n"
    expect(command("settle")).to include("the log was told of 0")
    expect(worked_by("workflow", "work")).to match(%r{\A0\ntrue\nworkflow .* works on sqlite:storage/test_workflow.sqlite3 .* stops: waits}m)
  end

  it "reads config/workflow.yml, and refuses one that does not fit" do
    application("config/workflow.yml" => "test: {steps: {Signup: {create: later}}}\n")
    expect(in_application('puts Signup.start(email: "a").workflow.step(:create).state')).to eq "ready\n"

    File.write("#{@directory}/config/workflow.yml", "test: {steps: {Signup: {crate: later}}}\n")
    expect(in_application("1", EAGER: "1")).to match(/config\/workflow.yml: Signup has no step crate. Did you mean create\?/)
  end

  it "reads config/workflow.yml again on reload, for open runs too" do
    application
    said = in_application(<<~RUBY, RELOAD: "1")
      signup = Signup.start({ email: "a" })
      File.write("config/workflow.yml", "test: {steps: {Signup: {send_link: now}}}")
      File.utime(Time.now + 10, Time.now + 10, "config/workflow.yml")
      Rails.application.reloader.wrap { }
      puts Signup.start({ email: "b" }).workflow.state
    RUBY

    expect(said).to eq "waiting\n"
  end

  it "names both files when the application has a Workflow of its own" do
    application("app/models/workflow.rb" => "class Workflow; end")
    said = in_application("puts :booted")

    expect(said).to match(%r{app/models/workflow.rb defines the application's own Workflow, and .*/lib/workflow.rb defines the gem's})
    expect(said).not_to include("booted")
  end

  it "names both files when another Workflow was loaded first" do
    application("config/other.rb" => "module Workflow; end")
    said = run_in_application({}, RbConfig.ruby, "-r./config/other", "-e", 'require "workflow"', BUNDLER_SETUP: nil) # Bundler reads our version

    expect(said).to match(%r{config/other.rb defines another Workflow, and .*/lib/workflow.rb defines the gem's})
  end

  it "is no other Workflow when its folder has two names, as where a Gemfile's path has a symbolic link in it" do
    application
    File.symlink(File.expand_path("../../lib", __dir__), "#{@directory}/link")
    said = run_in_application({}, RbConfig.ruby, "-I./link", "-r./link/workflow/version", "-e", 'require "workflow"; puts Workflow::VERSION')

    expect(said).to eq "#{Workflow::VERSION}\n"
  end

  it "works steps off in rake workflow:work, which drains at TERM" do
    application
    in_application('Signup.start(email: "a")')
    expect(worked_by("rake", "workflow:work")).to match(/\A0\ntrue\nworkflow .* works on .* stops: waits/m)
  end
end
