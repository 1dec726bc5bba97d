# frozen_string_literal: true

RSpec.describe Workflow::Command do
  let(:output) { StringIO.new }
  let(:errors) { StringIO.new }
  let(:file) do
    "#{@directory}/process.rb".tap do |path|
      File.write(path, <<~RUBY)
        class Long
          include Workflow
          def call(seconds, path) = File.write(path, "begun") && sleep(seconds) && File.write(path, "ended")
        end
      RUBY
    end
  end

  def command(*arguments) = described_class.new(arguments, out: output, err: errors).run

  it "says how it is used" do
    expect(command).to eq 2
    expect(command("wrok")).to eq 2
    expect(command("work", "--nonsense")).to eq 2
    expect(command("work", "now")).to eq 2
    expect(errors.string).to include("Usage: workflow work", "there is no command wrok. Did you mean work?", "invalid option: --nonsense", "work takes no now")
    expect([ command("version"), command("--version"), command("-v") ]).to eq [ 0, 0, 0 ]
    expect(output.string).to eq "workflow #{Workflow::VERSION}\n" * 3
  end

  it "asks for the file that loads the classes, and names the one that is not there" do
    expect(command("work")).to eq 1
    expect(command("work", "-r", "nowhere.rb")).to eq 1
    expect(errors.string).to include("workflow work -r FILE", "nowhere.rb")
  end

  it "checks that all methods are there" do
    File.write("#{@directory}/good.rb", "class GoodProcess; include Workflow; workflow { now :go }; def go; end; end")
    File.write("#{@directory}/bad.rb", "class BadProcess; include Workflow; workflow { now :go }; end")

    expect(command("check", "-r", "#{@directory}/good.rb")).to eq 0
    expect(command("check", "-r", "#{@directory}/bad.rb")).to eq 1
    expect(errors.string).to match(/bad.rb:1: now :go needs a method go in BadProcess/)
  ensure
    %i[GoodProcess BadProcess].each { |name| Object.__send__(:remove_const, name) if Object.const_defined?(name) }
  end

  it "checks that all open runs can go on" do
    File.write("#{@directory}/process.rb", "class GoodProcess; include Workflow; workflow { later :go }; def go; end; end")
    expect(command("check", "-r", "#{@directory}/process.rb")).to eq 0
    GoodProcess.start
    expect(command("check", "-r", "#{@directory}/process.rb")).to eq 0
    Object.__send__(:remove_const, :GoodProcess)
    File.write("#{@directory}/new.rb", "class GoodProcess; include Workflow; workflow { later :other }; def other; end; end")

    expect(command("check", "-r", "#{@directory}/new.rb")).to eq 1
    expect(output.string).to include("workflow: 0 open runs, all can", "workflow: 1 open run, all can go on", "GoodProcess, step go: 1 will stop", "`renamed :go, to: :other`")
  ensure
    Object.__send__(:remove_const, :GoodProcess) if Object.const_defined?(:GoodProcess)
  end

  describe "work" do
    include Waiting

    before { load file }
    after { Object.__send__(:remove_const, :Long) }

    # A worker process, with what it says.
    def boot
      reader, writer = IO.pipe
      pid = spawn(File.expand_path("../../bin/workflow", __dir__), "work", "-r", file, "--threads", "2",
        "--store", "sqlite:#{@directory}/log.sqlite3", out: writer, err: writer)
      writer.close
      expect(reader.gets).to match(/workflow #{Workflow::VERSION} \(pid #{pid}\) works on sqlite:.* with 2 threads/)
      [ pid, reader ]
    end

    def busy_with(seconds)
      path = "#{@directory}/mark-#{seconds}"
      run = Long.new.later(:call, seconds, path)
      wait_until("the step has begun") { File.exist?(path) }
      run
    end

    it "drains at TERM" do
      pid, reader = boot
      run = busy_with(0.5)
      Process.kill("TERM", pid)

      expect(Process.wait2(pid)[1].exitstatus).to eq 0
      expect(reader.read).to include("waits up to 25 s")
      expect(run.reload).to be_done
    end

    it "ends at once at a second signal, and another process runs the step again" do
      pid, reader = boot
      run = busy_with(100)
      Process.kill("INT", pid)
      expect(reader.gets).to include("Again to stop at once")
      Process.kill("INT", pid)

      expect(Process.wait2(pid)[1].exitstatus).to eq 130
      expect(reader.read).to include("run again")
      work
      eventually("another has it") { run.reload.step(:call).attempts == 2 }
    end

    it "takes no more at TSTP" do
      pid, reader = boot
      Process.kill("TSTP", pid)
      expect(reader.gets).to include("quiet")
      run = Long.new.later(:call, 0, "#{@directory}/never")
      Process.kill("TERM", pid)

      expect(Process.wait2(pid)[1].exitstatus).to eq 0
      expect(run.reload).to be_running
    end
  end
end
