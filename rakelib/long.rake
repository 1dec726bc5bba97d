# frozen_string_literal: true

require "etc"

# rake test:long runs the counts that are too long for every day: a million simulated histories, 1,000 interrupts, 500 forks,
# GC.stress on everything, 2,000 runs under kill -9, two minutes of kills while operators interfere, 2,000 processes killed at
# random statements, 200 storms over twenty live pages, and ten million operations beside the reference model, in shares with a seed of its own each, three to a
# processor, since half of the time is waiting; one sequence in a hundred of them goes through the Ruby API, in CI one in fifteen.
# And the specs and a new application on Ruby 3.3 and Rails 8.1 (rakelib/apps.rake), where a Debian can be made for them.
# Prints its seed; SEED=1234 repeats a run.
class LongTest
  OPERATIONS = 10_000_000
  HISTORIES = 1_000_000

  include Rake::DSL

  def initialize
    @seed = Integer(ENV.fetch("SEED") { rand(100_000) })
    puts "seed #{@seed}"
  end

  def simulation
    sh({ "SEED" => @seed.to_s, "HISTORIES" => HISTORIES.to_s, "CORE_ONLY" => "simulation", "CORE_SECONDS" => "7200" },
      "bundle", "exec", "rake", "core:asan")
  end

  def specs
    sh({ "LONG" => "1" }, "bundle", "exec", "rspec", "--seed", @seed.to_s, "spec/native", "spec/processes")
  end

  def model
    shares = 3 * Etc.nprocessors # they wait for processes of their own now and then
    runs = shares.times.map do |share|
      Process.spawn({ "SEED" => (@seed + share).to_s, "MODEL_OPERATIONS" => (OPERATIONS / shares).to_s, "MODEL_API_EVERY" => "100" },
        "bundle", "exec", "rspec", "spec/model")
    end
    failed = runs.map { |pid| Process.wait2(pid).last }.reject(&:success?)
    abort "#{failed.size} of #{shares} shares of the model failed; each names its seed above." if failed.any?
  end

  def apps
    return puts("Only root on a Debian can make one with Ruby 3.3: left out.") unless Process.uid.zero? && system("which", "apt-get", out: File::NULL)
    sh("bundle", "exec", "rake", "test:newapp81", "test:rails81")
  end
end

desc "The simulation, the specs of interrupts, GC, forks and kills, and the model, at full count; Ruby 3.3 and Rails 8.1"
task("test:long" => :compile) { LongTest.new.then { |long| %i[simulation specs model apps].each { |part| long.public_send(part) } } }
namespace("test:long") do
  LongTest.public_instance_methods(false).each do |part|
    task(part => :compile) { LongTest.new.public_send(part) }
  end
end
