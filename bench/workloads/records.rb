# frozen_string_literal: true

require_relative "drain"

module Bench
  # (b) The same with a row of the application's database, which each job loads.
  class Records < Drain
    def self.title(processes) = super.sub("(a) no-op jobs of plain objects", "(b) jobs that load a record")
    def self.records? = true

    def measure = drain(:record, processes: @setting, threads: THREADS) { Application.fill(numbers.to_a) }
  end
end
