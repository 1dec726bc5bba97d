# frozen_string_literal: true

require "bundler/setup"
require "rspec/core"
require "tmpdir"

# All specs, as two processes of RSpec at the same time, since they wait for half of their time: those of many processes, the
# model, the planted faults, the documentation and the generators, and all others, which takes about as long. Or what the
# arguments say, as one. RSpec's summary is the last line.
class Specs
  SLOW = "spec/{processes,model,faults,docs}/**/*_spec.rb,spec/workflow/*_generator_spec.rb"
  LANES = [ [ "--pattern", SLOW ], [ "--pattern", "spec/**/*_spec.rb", "--exclude-pattern", SLOW ] ].freeze
  # No end of RSpec: it says where it stands and aborts.
  GUARD = %w[timeout --foreground --signal=ABRT --kill-after=30 3000].freeze
  RSPEC = %w[bundle exec rspec --require ./spec/support/progress --format Progress --format failures].freeze

  # What one process had to say in numbers.
  Totals = Struct.new(:examples, :failed, :pending, :errors, :failures) do
    def self.none = new(0, 0, 0, 0, [])
    def +(other) = self.class.new(*to_a.zip(other.to_a).map { |one, two| one + two })
  end

  # @param arguments [Array<String>] RSpec's
  def initialize(arguments)
    @lanes = arguments.empty? ? LANES : [ arguments ]
  end

  # @return [Boolean] whether all passed
  def run
    began = now
    Dir.mktmpdir("workflow-specs") do |folder|
      lanes = @lanes.each_with_index.map { |files, index| start(files, File.join(folder, index.to_s)) }
      ended = lanes.map { |pid, summary| [ Process.wait2(pid).last, summary ] }
      totals = ended.map { |status, summary| totals_of(status, summary) }.sum(Totals.none)
      tell(totals, now - began)
      ended.all? { |status, _| status.success? } && totals.failed.zero? && totals.errors.zero?
    end
  end

  private
    def start(files, summary)
      [ spawn({ "SPECS_SUMMARY" => summary }, *GUARD, *RSPEC, *files, in: File::NULL, err: :out), summary ]
    end

    # A process without numbers came to no end.
    def totals_of(status, summary)
      return Totals.new(0, 0, 0, 1, [ "A process of RSpec came to no end: #{status}" ]) unless File.exist?(summary)
      numbers, *failures = File.read(summary, encoding: "UTF-8").split("\n")
      Totals.new(*numbers.split.map(&:to_i), failures)
    end

    # What failed is told again where the eye falls: at the end. So are the parts of bin/test before RSpec.
    def tell(totals, seconds)
      puts "", "What failed:", *totals.failures if totals.failures.any?
      puts "\nFailed before RSpec: #{ENV["FAILED_BEFORE"]}" unless ENV["FAILED_BEFORE"].to_s.empty?
      all = [ totals.examples, totals.failed, totals.pending ].map { |count| Array.new(count) }
      puts "\nFinished in #{RSpec::Core::Formatters::Helpers.format_duration(seconds)}, as #{@lanes.size == 1 ? "one process" : "#{@lanes.size} processes"}"
      puts RSpec::Core::Notifications::SummaryNotification.new(seconds, *all, 0, totals.errors).totals_line
    end

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
end

exit Specs.new(ARGV).run
