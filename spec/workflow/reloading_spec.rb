# frozen_string_literal: true

require_relative "rails_application"

# A Rails application in development: its worker picks up what is edited, without a restart.
RSpec.describe "Reloading" do
  include RailsApplication

  # What counts as an edit is a later time, but none to come.
  def application(**)
    super
    old = Time.now - 1000
    File.utime(old, old, *Dir["#{@directory}/app/**/*.rb"])
  end

  # The model as a file has it.
  def model(body, steps = "later :first; await :go; later :second")
    <<~RUBY
      class Signup < ActiveRecord::Base
        include Workflow
        workflow { #{steps} }
        #{body}
      end
    RUBY
  end

  # What the programs below have in common.
  def program(code)
    <<~RUBY
      require "#{File.expand_path("../../bin/support/waiting", __dir__)}"
      include Waiting
      $stdout.sync = true
      EDITS = [ 0 ]
      def edit(text)
        File.write("app/models/signup.rb", text)
        File.utime(*[ Time.now - 900 + 10 * (EDITS[0] += 1) ] * 2, "app/models/signup.rb")
      end
      # As a request does: what is loaded stays so until its end.
      def request(&block) = Rails.application.reloader.wrap(&block)
      def until_state(state) = wait_until(state) { request { Signup.last.workflow.state == state } }
      worker = Workflow::Worker.new(threads: 2).start
      #{code}
      worker.stop
    RUBY
  end

  it "runs the new body in a worker that was there before" do
    application("app/models/signup.rb" => model('def first = puts("first, old"); def second = puts("second, old")'))
    said = in_application(program(<<~RUBY), RELOAD: "1")
      request { Signup.start(email: "a") }
      until_state(:waiting)
      edit(#{model('def first; end; def second = puts("second, new")').inspect})
      request { Signup.last.submit(:go) }
      until_state(:done)
    RUBY

    expect(said).to eq "first, old\nsecond, new\n"
  end

  it "tells whoever listens to notifications, who finds the new code too" do
    application("app/models/signup.rb" => model('def first; end; def second; end; def self.told = "old"'))
    said = in_application(program(<<~RUBY), RELOAD: "1")
      told = Queue.new
      ActiveSupport::Notifications.subscribe("complete.workflow") { |event| told << "\#{event.payload[:step]}, \#{Signup.told}" }
      request { Signup.start(email: "a") }
      puts told.pop
      until_state(:waiting)
      edit(#{model('def first; end; def second; end; def self.told = "new"').inspect})
      request { Signup.last.submit(:go) }
      2.times { puts told.pop }
    RUBY

    expect(said).to eq "first, old\ngo, new\nsecond, new\n"
  end

  it "takes the new options of steps" do
    application("app/models/signup.rb" => model("def first; end; def second = raise(IOError)"))
    said = in_application(program(<<~RUBY), RELOAD: "1")
      request { Signup.start(email: "a") }
      until_state(:waiting)
      edit(#{model("def first; end; def second = raise(IOError)", "later :first; await :go; later :second, retries: 1, backoff: 600").inspect})
      request { Signup.last.submit(:go) }
      until_state(:retrying)
      request { puts Signup.workflow.step(:second).retries }
    RUBY

    expect(said).to eq "1\n"
  end

  it "pauses a run whose step is edited away, and goes on once the edit says what became of it" do
    application("app/models/signup.rb" => model("def first; end; def second; end"))
    renamed = "def first; end; def third = puts(:third)"
    said = in_application(program(<<~RUBY), RELOAD: "1")
      request { Signup.start(email: "a") }
      until_state(:waiting)
      edit(#{model(renamed, "later :first; await :go; later :third").inspect})
      request { Signup.last.submit(:go) }
      until_state(:paused)
      request { puts Signup.last.workflow.reason }
      edit(#{model(renamed, "later :first; await :go; later :third; renamed :second, to: :third").inspect})
      request { Signup.last.workflow.resume }
      until_state(:done)
    RUBY

    expect(said.lines.first).to start_with("Signup's workflow (app/models/signup.rb:3) has no step second any more.")
      .and include("`renamed :second, to: :third`")
    expect(said.lines.last).to eq "third\n"
  end

  it "keeps no class that was replaced, also where the workflow is declared in a parent that stays" do
    child = "class Signup < Standing; def first; end; def second; end; def notify; end; end"
    application("app/models/signup.rb" => child)
    said = in_application(program(<<~RUBY), RELOAD: "1")
      class Standing < ActiveRecord::Base
        self.abstract_class = true
        include Workflow
        workflow { later :first; await :go; later :second }
      end
      10.times do |number|
        edit("#{child} # \#{number}")
        request { Signup.start(email: "a") }
        until_state(:waiting)
        request { Signup.last.submit(:go) }
        until_state(:done)
        request { Signup.last.later.notify }
      end
      GC.start
      request { puts ObjectSpace.each_object(Class).count { |klass| klass.name == "Signup" } }
      request { puts Workflow::Declarations.classes.inspect }
    RUBY

    expect(said.lines.first.to_i).to be_between(1, 5)
    expect(said.lines.last).to start_with("[Signup(")
  end
end
