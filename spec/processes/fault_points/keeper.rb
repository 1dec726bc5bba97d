# frozen_string_literal: true

require_relative "application"
require_relative "facts"
require_relative "scenarios"

# The other process: prepares an application's database for those that are killed, recovers what they left, and looks at it.
class Keeper
  def initialize(database, path)
    @path = path
    ENV["PGAPPNAME"] = "keeper" # see Application.quiet?
    ActiveRecord::Base.establish_connection(database)
  end

  def answer(word, *arguments) = public_send(word, *arguments)

  def close = Application.leave

  def restore(rows) = Application.restore(rows) && {}
  def rows = Application.rows

  # @param number [Integer] of the scenario
  def find(number)
    Workflow.configure { |config| config.store = "sqlite:#{@path}" }
    { problems: Facts.new(@path).find(Scenario.all[number].checking) }
  ensure
    Workflow.runtime.stop(timeout: 5)
  end
end
