# frozen_string_literal: true

# Ours beside the peers, on the same work, in one run. bin/bench installs what this needs, and starts it; `bin/bench --help` says what
# it can be asked. harness/catalogue.rb has what there is, peers/ a file for each contender, workloads/ one for each thing measured.
require "fileutils"
require "tmpdir"
require_relative "harness/comparison"
require_relative "harness/limits"
require_relative "harness/machine"
require_relative "harness/options"
require_relative "harness/servers"

module Bench
  # Prints on the terminal, and writes the result. What is going on is told on the terminal alone.
  class Report
    def initialize(path)
      @path = path
      @lines = []
    end

    def say(text = "")
      progress("")
      puts text
      @lines << text
    end

    def progress(text)
      $stderr.print "\r\e[K", text if $stderr.tty?
    end

    def save
      FileUtils.mkdir_p(File.dirname(@path))
      File.write(@path, "#{@lines.join("\n")}\n")
      puts "\nWritten to #{@path}"
    end
  end

  # One run from the servers' start to their end.
  class Program
    RESULTS = File.expand_path("results", __dir__)

    def initialize(arguments)
      @options = Options.new(arguments)
      @arguments = arguments
      @began = Clock.now
      @report = Report.new(@options.out || free_path)
    end

    # @return [Integer] the status to exit with
    def run
      FileUtils.mkdir_p(@options.dir)
      @dir = Dir.mktmpdir("bench", File.expand_path(@options.dir))
      File.chmod(0o755, @dir) # PostgreSQL's user is to get to its own
      perform
    rescue Server::Unavailable, Contestant::Failed, Waiting::TimedOut => error
      warn "bin/bench: #{error.message}"
      1
    ensure
      finish
    end

    private
      # A result is never written over another.
      def free_path
        name = "#{Time.now.utc.strftime("%Y-%m-%d")}-peers#{"-quick" if @options.quick?}"
        (1..).lazy.map { |number| File.join(RESULTS, "#{name}#{"-#{number}" if number > 1}.txt") }.find { |path| !File.exist?(path) }
      end

      def perform
        @servers = Servers.new(@options.servers, @dir)
        @contestants = @options.contenders.map { |name| contestant(name).start } # they connect to nothing yet
        @servers.start
        @options.contenders.each { |name| @servers["postgresql"].create(database(name)) if uses_postgresql?(name) }
        present, @absent = @contestants.to_h { |contestant| [ contestant, absence(contestant) ] }.partition { |_, why| why.nil? }.map(&:to_h)
        compare(present.keys)
      end

      # Whoever does not boot is not measured, which is a fault of the run. @return [String, nil]
      def absence(contestant)
        contestant.await_ready && nil
      rescue Contestant::Failed => error
        contestant.name == Catalogue::OURS ? raise : "#{contestant.name} did not boot: #{error.message}"
      end

      def compare(present)
        head(present)
        comparison = Comparison.new(@options, present, out: @report, began: @began)
        comparison.run { |table| @report.say("\n#{table}") }
        faults = @absent.values + comparison.faults
        foot(comparison, faults)
        faults.empty? ? 0 : 1
      end

      def contestant(name)
        settings = { "dir" => @dir, **@servers.addresses }
        settings["database"] = @servers["postgresql"].records(database(name)) if uses_postgresql?(name)
        Contestant.new(name, settings, File.join(@dir, "#{name}.log"))
      end

      def database(name) = "bench_#{name}"

      def uses_postgresql?(name) = Catalogue.servers(name, @options.workloads).include?("postgresql")

      def head(present)
        @report.say "bin/bench #{@arguments.join(" ")}".strip
        [ *Machine.lines(@dir), *Limits.measure(@dir).lines ].each { |line| @report.say(line) }
        @report.say "ruby #{RUBY_VERSION}, #{present.flat_map(&:versions).uniq.join(", ")}"
        @servers.lines.each { |line| @report.say(line) }
        @report.say "#{@options.rounds} #{@options.rounds == 1 ? "round" : "rounds"}, seed #{@options.seed}; \"ours is\" is the median of the ratios of each round"
      end

      def foot(comparison, faults)
        @report.say "\nConfigured, and synced as the store itself says (ours opens no store that does not say FULL):"
        @options.contenders.each { |name| @report.say "  #{name}: #{Catalogue.contender(name).configured}" }
        comparison.sync_lines.each { |line| @report.say "  #{line}" }
        @report.say "\nLoad average at the end: #{Machine.load}"
        @report.say "Not measured, since the time of --quick was up:\n  #{comparison.left_out.join("\n  ")}" if comparison.left_out.any?
        @report.say(faults.empty? ? "Every job ran once." : "NOT AS IT MUST BE:\n  #{faults.join("\n  ")}")
        @report.save
      end

      # Whatever ends us, nothing of ours is left; Ctrl-C is for this process alone and does not disturb that.
      def finish
        %w[INT TERM HUP].each { |name| trap(name, "IGNORE") }
        @contestants&.each(&:stop)
        @servers&.stop
        FileUtils.rm_rf(@dir) if @dir
      end
  end
end

begin
  $stdout.sync = true
  exit Bench::Program.new(ARGV).run
rescue Bench::Options::Wrong => error
  warn "bin/bench: #{error.message}"
  exit 2
rescue SignalException => error
  warn "Stopped."
  exit 128 + error.signo
end
