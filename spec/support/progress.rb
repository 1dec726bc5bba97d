# frozen_string_literal: true

require "rspec/core"
require "rspec/core/formatters/progress_formatter"

# RSpec's dots, for bin/test: the seed is told at the beginning, what failed before the summary, and nothing after the summary line.
# A process of bin/support/specs.rb writes its numbers to the file SPECS_SUMMARY instead, and after them what failed and how it began.
class Progress < RSpec::Core::Formatters::ProgressFormatter
  FIRST_LINES = 4
  WIDTH = 300

  RSpec::Core::Formatters.register self, :dump_summary, :seed, :close

  def dump_summary(summary)
    output.puts summary.colorized_rerun_commands if summary.failed_examples.any?
    output.puts "\nFinished in #{summary.formatted_duration} (files took #{summary.formatted_load_time} to load)"
    file = ENV["SPECS_SUMMARY"]
    file ? File.write(file, [ numbers(summary).join(" "), *summary.failed_examples.map { |example| failure(example) } ].join("\n")) : output.puts(summary.colorized_totals_line)
  end

  def seed(notification)
    super unless @told
    @told = true
  end

  def close(_notification) = output.flush

  private
    def numbers(summary)
      [ summary.example_count, summary.failure_count, summary.pending_count, summary.errors_outside_of_examples_count ]
    end

    def failure(example)
      lines = example.exception.message.to_s.dup.force_encoding(Encoding::UTF_8).scrub.lines.map(&:rstrip).reject(&:empty?).first(FIRST_LINES)
      [ "#{example.location_rerun_argument} #{example.full_description}", *lines.map { |line| "    #{line[0, WIDTH]}" } ].join("\n")
    end
end
