# frozen_string_literal: true

# A worker process that says when its log was open and when its first step began, on its standard output, and ends with its input.
# Its argument is the store. It knows nothing of who measures it.
require "json"
require "workflow"
require_relative "../peers/contender"
require_relative "../peers/workflow_jobs"

Workflow.configure { |config| config.store = ARGV.fetch(0) }
Workflow.engine
opened = Bench::Clock.now
worker = Workflow::Worker.new.start
Workflow.engine.wait_log(Workflow.engine.last_position, 10) while Bench::Tally.began.empty?
puts JSON.generate("opened" => opened, "first" => Bench::Tally.began.values.first)
$stdout.flush
$stdin.read
worker.stop
