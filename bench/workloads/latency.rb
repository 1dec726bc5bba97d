# frozen_string_literal: true

require_relative "workload"

module Bench
  # (g) From before the call that starts it to the first line of the job, in another process that has nothing else to do.
  class Latency < Workload
    METRICS = { "p50" => [ "p50, ms", false ], "p99" => [ "p99, ms", false ] }.freeze
    COUNTED = "samples"
    APART_S = 0.02
    WARM_UP = 10

    def self.title(_) = "(g) start to first line of the job, in another process, idle, #{(APART_S * 1000).round} ms apart"
    def self.count(_, fast:, quick:) = quick ? 30 : 5000

    def measure
      with_crew(processes: 1, threads: THREADS) do |crew|
        crew.work
        called = (0...(@count + WARM_UP)).to_h { |number| [ number, call(number) ] }
        crew.wait_until_drained
        ran, began = crew.dismiss
        told(percentiles(called, began), Faults.between(called.keys, ran))
      end
    end

    private
      # @return [Float] the moment before the call
      def call(number)
        sleep APART_S
        moment = Clock.now
        @contender.start_one(:watch, number)
        moment
      end

      def percentiles(called, began)
        times = called.filter_map { |number, moment| (began[number] - moment) * 1000 if number >= WARM_UP && began[number] }
        { "p50" => Figures.percentile(times, 0.5), "p99" => Figures.percentile(times, 0.99) }
      end
  end
end
