# frozen_string_literal: true

# rake test:long runs the counts that are too long for every day: 1,000 interrupts, 500 forks, GC.stress on everything, 2,000
# runs under kill -9. Prints its seed; SEED=1234 repeats a run.
desc "The specs of interrupts, GC, forks and kills at full count"
task "test:long" => :compile do
  seed = ENV.fetch("SEED") { rand(100_000).to_s }
  puts "seed #{seed}"
  sh({ "LONG" => "1" }, "bundle", "exec", "rspec", "--seed", seed, "spec/native", "spec/processes")
end
