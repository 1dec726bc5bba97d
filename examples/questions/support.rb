# What the questions share: the gem, a store in a directory of its own, workers in this process, and waiting on the log.
ENV["BUNDLE_GEMFILE"] ||= File.expand_path("../../Gemfile", __dir__)
ENV["WORKFLOW_ENV"] = "example"
$LOAD_PATH.unshift File.expand_path("../../lib", __dir__)
require "bundler/setup"
require "workflow"
require "tmpdir"

DIRECTORY = Dir.mktmpdir("workflow-question")
OWNER = Process.pid
at_exit { FileUtils.rm_rf(DIRECTORY) if Process.pid == OWNER }

Workflow.configure do |config|
  config.store = "sqlite:#{DIRECTORY}/log.sqlite3"
  config.file = "#{DIRECTORY}/workflow.yml"
  config.lease = 1
end

# WITHOUT=retries ruby mail_fails.rb: the same program with that taken away. The answer then no longer holds.
def without?(feature) = ENV["WITHOUT"] == feature.to_s

def worker(threads: 2) = Workflow::Worker.new(threads: threads).start

# Waits until the block is true; looks again whenever the log has grown.
def eventually(what, within: ENV["WITHOUT"] ? 3 : 20)
  deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + within
  position = 0
  until (result = yield)
    raise "#{what}: not within #{within} s" if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline
    position = Workflow.engine.last_position unless Workflow.engine.wait_log(position, 100)
  end
  result
end

# The error that the block raised, if any.
def error_of
  yield
  nil
rescue StandardError => error
  error
end

def answered(text) = puts("answered: #{text}")
