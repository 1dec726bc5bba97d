# What all processes of the rehearsal share: the gem, one store, one file of effects, both in DIRECTORY.
ENV["BUNDLE_GEMFILE"] ||= File.expand_path("../../Gemfile", __dir__)
ENV["WORKFLOW_ENV"] = "example"
$LOAD_PATH.unshift File.expand_path("../../lib", __dir__)
require "bundler/setup"
require "workflow"

DIRECTORY = ENV.fetch("DIRECTORY")

Workflow.configure do |config|
  config.store = "sqlite:#{DIRECTORY}/log.sqlite3"
  config.file = "#{DIRECTORY}/workflow.yml"
end

# An order of a shop. Each step leaves one line behind: that is its effect.
class Order
  include Workflow
  remembers :number
  attr_reader :number

  def initialize(number) = @number = number
  def effect(name) = File.write("#{DIRECTORY}/effects", "#{number} #{name}\n", mode: "a")
end

# WITHOUT=renamed ruby rehearsal.rb: the same with that left out. The rehearsal then must fail.
def without?(feature) = ENV["WITHOUT"] == feature.to_s
