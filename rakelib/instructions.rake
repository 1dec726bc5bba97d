# frozen_string_literal: true

# rake bench:instructions counts what the core executes in one operation of each workload (bench/instructions), and compares with
# bench/results/instructions.txt. docs/performance.md says how to read it.
namespace("bench") do
  kept, page = "bench/results/instructions.txt", "docs/performance.md"
  head = "# Instructions that one operation takes: `rake bench:instructions` compares with these, `rake bench:instructions:keep` writes them.\n"

  # nil where there is no valgrind: in CI that is a failure.
  measured = lambda do |how|
    unless %w[valgrind callgrind_annotate].all? { |tool| system("which", tool, out: File::NULL) }
      abort "valgrind is not here." if ENV["CI"] == "true"
      next puts("valgrind is not here: skipped.")
    end

    require_relative "../bench/instructions/measurement"
    measurement = Bench::Instructions::Measurement.public_send(how, "tmp/#{RUBY_PLATFORM}/workflow/#{RUBY_VERSION}")
    puts measurement.costliest, "", measurement.counts, ""
    measurement
  end

  desc "Counts the core's instructions, and compares with #{kept}"
  task("instructions" => "compile") do
    counts = measured.call(:as_in_real_life)&.counts or next
    before = Bench::Instructions::Counts.parse(File.read(kept))
    differences = counts.differences(before)
    next puts("Not compared with #{kept}:", differences) if differences.any?

    problems = counts.problems(before)
    abort problems.join("\n") if problems.any?
    puts "All are within #{(Bench::Instructions::Counts::MARGIN * 100).round} % of #{kept}."
  end

  namespace("instructions") do
    desc "Counts the core's instructions, and keeps them in #{kept} and #{page}"
    task("keep" => "compile") do
      counts = measured.call(:as_in_real_life)&.counts or next
      before = Bench::Instructions::Counts.parse(File.read(kept))
      File.write(page, File.read(page).sub(before.to_s) { counts.to_s })
      File.write(kept, head + counts.to_s)
    end

    desc "The same figures with the names of all of SQLite's functions; compares nothing"
    task("profile" => "compile") { measured.call(:with_names) }
  end
end
