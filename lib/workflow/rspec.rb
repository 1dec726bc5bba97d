# frozen_string_literal: true

require "workflow"

# Each example has a log of its own: see {Workflow::TestHelper}.
RSpec.configure do |config|
  config.around { |example| Workflow::TestHelper.with_log { example.run } }
end
