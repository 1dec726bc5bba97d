# frozen_string_literal: true

require "rspec/core"
require "rspec/core/formatters/progress_formatter"

# RSpec's dots, for bin/test: the seed is told at the beginning, what failed before the summary, and nothing after the summary line.
class Progress < RSpec::Core::Formatters::ProgressFormatter
  RSpec::Core::Formatters.register self, :dump_summary, :seed, :close

  def dump_summary(summary)
    output.puts summary.colorized_rerun_commands if summary.failed_examples.any?
    output.puts "\nFinished in #{summary.formatted_duration} (files took #{summary.formatted_load_time} to load)", summary.colorized_totals_line
  end

  def seed(notification)
    super unless @told
    @told = true
  end

  def close(_notification) = output.flush
end
