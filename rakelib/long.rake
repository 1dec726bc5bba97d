# frozen_string_literal: true

# rake test:long runs the counts that are too long for every day: 1,000 interrupts, 500 forks, GC.stress on everything, 2,000
# runs under kill -9, ten million operations beside the reference model, a million simulated histories. Prints its seed;
# SEED=1234 repeats a run.
desc "The specs of interrupts, GC, forks, kills and the model, and the simulation, at full count"
task "test:long" => :compile do
  seed = ENV.fetch("SEED") { rand(100_000).to_s }
  puts "seed #{seed}"
  sh({ "SEED" => seed, "HISTORIES" => "1000000", "CORE_ONLY" => "simulation", "CORE_SECONDS" => "7200" }, "bundle", "exec", "rake", "core:asan")
  sh({ "LONG" => "1", "SEED" => seed }, "bundle", "exec", "rspec", "--seed", seed, "spec/native", "spec/processes", "spec/model")
end
