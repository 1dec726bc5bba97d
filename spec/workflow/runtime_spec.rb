# frozen_string_literal: true

RSpec.describe Workflow::Runtime do
  before do
    define("Child") { include Workflow; workflow { now :go; later :on }; def go; end; def on; end }
  end

  # Runs the block in a child, and returns what it wrote.
  def in_child
    reader, writer = IO.pipe
    pid = fork do
      writer.write(yield)
    rescue StandardError => error
      writer.write("#{error.class}: #{error.message}")
    ensure
      writer.close
      exit!(0)
    end
    writer.close
    reader.read.tap { Process.wait(pid) }
  end

  it "opens the engine at first use" do
    expect(Workflow.runtime).not_to be_open
    Workflow.events
    expect(Workflow.runtime).to be_open
    expect(Workflow.engine).to equal Workflow.engine
  end

  it "opens one engine for many threads" do
    expect(Array.new(8) { Thread.new { Workflow.engine } }.map(&:value).uniq.size).to eq 1
  end

  it "has one follower for many threads" do
    allow(Workflow::Follower).to receive(:new).and_wrap_original { |make, *given| sleep(0.05) && make.call(*given) }

    expect(Array.new(8) { Thread.new { Workflow.follower } }.map(&:value).uniq.size).to eq 1
  end

  it "opens anew after it was stopped" do
    run = Child.start.workflow

    expect(Workflow.runtime.stop).to be true
    expect(run.reload).to be_running
  end

  it "has one thread that looks after the application's databases, whatever becomes of its engine", :records do
    Workflow.events
    Workflow.engine.stop(1_000)
    Workflow.events

    expect(Leftovers.threads.map(&:name)).to eq [ "workflow-recovery" ]
  end

  it "leaves nothing at work when it stops after its engine", :records do
    Workflow.follower.listen { }
    Workflow.engine.stop(1_000)
    Workflow.runtime.stop

    Leftovers.check
    expect(Workflow.runtime).not_to be_open
  end

  it "opens another store when that is configured" do
    Child.start
    Workflow.configure { |c| c.store = "sqlite:#{@directory}/other.sqlite3" }

    expect(Workflow.events).to eq []
  end

  it "opens its own after a fork, and both go on" do
    run = Child.start.workflow
    child = in_child { Child.new.now(:on).tap { Workflow.runtime.stop }.step(:on).by }

    expect(child).to match(/:\d+@/)
    expect(child).not_to include(":#{Process.pid}@")
    expect(run.reload).to be_done
    expect(Child.start.workflow.id).not_to eq run.id
  end

  it "opens its own after a fork, with threads that use the parent's" do
    stopping = false
    threads = Array.new(2) { Thread.new { Child.new.workflow.state until stopping } }
    answers = Array.new(5) { in_child { Child.start.workflow.tap { Workflow.runtime.stop }.state } }

    expect(answers.uniq).to eq [ "running" ]
  ensure
    stopping = true
    threads.each(&:join)
  end

  it "stops workers, and does so at exit" do
    script = <<~RUBY
      require "workflow"
      Workflow.configure { |c| c.store = "sqlite:#{@directory}/log.sqlite3" }
      class Child; include Workflow; workflow { now :go; later :on }; def go; end; def on = puts("on"); end
      Workflow::Worker.new(threads: 2).start
      Child.start
      Workflow.follower.listen { }
      sleep 0.01 until Child.new.workflow.done?
    RUBY

    expect(IO.popen([ RbConfig.ruby, "-Ilib", "-e", script ], err: [ :child, :out ], &:read)).to eq "on\n"
    expect($?).to be_success
  end
end
