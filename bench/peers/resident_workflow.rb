# frozen_string_literal: true

require "workflow"

module Bench
  # What `bin/workflow work -r` loads: a job that writes its number into a file.
  class WorkflowResident
    include Workflow
    remembers :number
    attr_reader :number

    def initialize(number) = @number = number
    def call = File.write(ENV.fetch("BENCH_RAN"), "#{number}\n", mode: "a")
  end
end
