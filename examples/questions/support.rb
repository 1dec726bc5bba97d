# What the questions share: the gem, a store in a directory of its own, workers in this process, and waiting on the log.
ENV["BUNDLE_GEMFILE"] ||= File.expand_path("../../Gemfile", __dir__)
ENV["WORKFLOW_ENV"] = "example"
$LOAD_PATH.unshift File.expand_path("../../lib", __dir__)
require "bundler/setup"
require "workflow"
require "tmpdir"
require_relative "../../bin/support/eventually"

DIRECTORY = Dir.mktmpdir("workflow-question")
OWNER = Process.pid
at_exit do
  next unless Process.pid == OWNER
  # The log alone, folded again, gives what is stored: nothing is known that no event tells.
  differences = $!.nil? && File.exist?("#{DIRECTORY}/log.sqlite3") ? Workflow::Verification.new("#{DIRECTORY}/log.sqlite3").differences : []
  FileUtils.rm_rf(DIRECTORY)
  abort differences.join("\n") if differences.any?
end

Workflow.configure do |config|
  config.store = "sqlite:#{DIRECTORY}/log.sqlite3"
  config.file = "#{DIRECTORY}/workflow.yml"
  config.lease = 1
end

# WITHOUT=retries ruby mail_fails.rb: the same program with that taken away. The answer then no longer holds.
def without?(feature) = ENV["WITHOUT"] == feature.to_s

def worker(threads: 2) = Workflow::Worker.new(threads: threads).start

include Eventually

# What is not there need not be waited for so long.
def eventually(what, within: ENV["WITHOUT"] ? 3 : 20) = super

# The error that the block raised, if any.
def error_of
  yield
  nil
rescue StandardError => error
  error
end

def answered(text) = puts("answered: #{text}")
