# frozen_string_literal: true

require "socket"
require "net/http"

# Puma with the plugin, in processes of its own, on the store of the example. What it serves says which process did.
module PumaServer
  include Waiting

  CODE = <<~'RUBY'
    require "workflow"
    Workflow.configure { |c| c.store = ENV.fetch("STORE"); c.threads = 2 }
    class Errand
      include Workflow
      remembers :path
      attr_reader :path
      def initialize(path) = @path = path
      def call = File.write(path, Process.pid.to_s)
      def linger
        ending = false
        at_exit { ending = true }
        File.write("#{path}.begun", Process.pid.to_s)
        sleep 0.02 until File.exist?("#{path}.go")
        File.write(path, ending ? "too late" : "in time")
      end
    end
  RUBY
  RACKUP = <<~'RUBY'
    require_relative "code"
    run ->(_env) { [ 200, {}, [ Process.pid.to_s ] ] }
  RUBY

  # Boots Puma, and returns when it answers. Another version than the bundle's is that of PUMA_GEMFILE.
  # @param config [String] lines of config/puma.rb
  # @param command [Array<String>] what boots it instead, with its own configuration
  def puma(config = "", rackup: RACKUP, plugin: true, command: nil, **environment)
    { "code.rb" => CODE, "config.ru" => rackup, "puma.rb" => "#{config}\n#{"plugin :workflow\n" if plugin}" }.each { |name, text| File.write("#{@directory}/#{name}", text) }
    @port = TCPServer.open("127.0.0.1", 0) { |server| server.addr[1] }
    File.open("#{@directory}/puma.log", "a") do |log|
      command ||= [ "bundle", "exec", "puma", "-C", "puma.rb", "-b", "tcp://127.0.0.1:#{@port}", "-e", "test" ]
      @puma = spawn(variables(environment.merge(PORT: @port.to_s)), *command, chdir: @directory, unsetenv_others: true, out: log, err: log)
    end
    wait_until("Puma answers", within: 60) { answer }
  rescue TimedOut
    raise TimedOut, "Puma does not answer: #{said}"
  end

  def said = File.read("#{@directory}/puma.log")

  # @return [Integer, nil] the process that answers
  def answer
    Integer(Net::HTTP.get(URI("http://127.0.0.1:#{@port}/")))
  rescue SystemCallError, EOFError, ArgumentError, Net::OpenTimeout, Net::ReadTimeout
    nil
  end

  # @return [Array<Integer>] the processes that have said that they run steps, in order
  def at_work = said.scan(/works in this process \(pid (\d+)\)/).flatten.map(&:to_i)

  # @return [Array<Integer>] the workers of a cluster, in the order in which they booted
  def forked = said.scan(/Worker \d+ \(PID: (\d+)\) booted/).flatten.map(&:to_i)

  # A step that a process has begun and goes on with until it is let go.
  # @return [Array(Workflow::Run, Integer)] its run and the process
  def begun(name = "lingering")
    @path = "#{@directory}/#{name}"
    run = Errand.new(@path).later(:linger)
    [ run, wait_until("a process has begun", within: 60) { written("#{@path}.begun") } ]
  end

  # Lets it go once the process has said that it waits for it.
  def let_go
    wait_until("it is waited for", within: 60) { said.include?("takes no more steps here, and waits up to 25 s for those in hand") }
    File.write("#{@path}.go", "")
    expect(wait_until("it has ended", within: 60) { File.exist?(@path) && File.read(@path)[/.+/] }).to eq "in time"
  end

  # Has a step run, and returns the process that did.
  def run_one(name)
    run = Errand.new("#{@directory}/#{name}").later(:call)
    wait_until("a process runs steps", within: 60) { run.reload.done? }
    written("#{@directory}/#{name}")
  end

  # Waits for the end of it.
  # @return [Process::Status]
  def ended
    wait_until("Puma has ended", within: 60) { Process.wait2(@puma, Process::WNOHANG) }.last.tap { @puma = nil }
  end

  # The master first, which would fork others in place of its workers; one that is gone already keeps nobody else alive.
  def end_puma
    return unless @puma
    [ @puma, *at_work, *forked ].uniq.each { |pid| Process.kill("KILL", pid) rescue nil }
    ended
  end

  private
    # As without the Bundler that runs the examples: Puma goes back to what it began with when it restarts.
    def variables(others)
      { **Bundler.unbundled_env, "BUNDLE_GEMFILE" => ENV.fetch("PUMA_GEMFILE", File.expand_path("../../Gemfile", __dir__)),
        "STORE" => Workflow.configuration.store, **others.transform_keys(&:to_s) }
    end

    def written(path) = File.exist?(path) && File.read(path)[/\d+/]&.to_i
end
