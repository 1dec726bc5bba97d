# frozen_string_literal: true

# Changes the number as often as it is told to on its input, and says on its output when, before it began to write.
require_relative "application"
puts "at work"
$stdout.flush
Bench::Live.work
