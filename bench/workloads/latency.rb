# frozen_string_literal: true

require_relative "../harness/arrivals"
require_relative "workload"

module Bench
  # (g) From before the call that starts it to the first line of the job, in another process that has nothing else to do, or that is at
  # half load.
  #
  # Half load: the workers first drain a queue that was full before, as in (a), which gives the contender's own rate here. Then a process
  # of its own starts no-op jobs at half of that rate until the last sample is taken; the third figure says what rate it reached. It
  # takes its share of the processors, as whoever starts jobs does.
  class Latency < Workload
    METRICS = { "p50" => [ "p50, ms", false ], "p99" => [ "p99, ms", false ] }.freeze
    ARRIVED = { "arrived" => [ "no-op jobs that arrived meanwhile, per second", nil ], "half" => [ "half of what its workers drained, per second", nil ] }.freeze
    COUNTED = "samples"
    APART_S = 0.02
    WARM_UP = 10
    IDLE, HALF = "idle", "half load"
    # Samples whose drain gives the rate, for each sample of latency: so many that it takes about a second or more.
    DRAINED = { true => 20_000, false => 500 }.freeze
    QUICK_DRAINED = { true => 400, false => 20 }.freeze
    # Numbers beyond those of the samples.
    BEFORE, BESIDE = 10_000_000, 20_000_000

    def self.title(load) = "(g) start to first line of the job, in another process, #{load}, #{(APART_S * 1000).round} ms apart"
    def self.settings(quick:) = [ IDLE, HALF ]
    def self.count(_, fast:, quick:) = quick ? 30 : 5000
    def self.metrics(load) = load == HALF ? METRICS.merge(ARRIVED) : METRICS

    def measure = @setting == HALF ? at_half_load : idle

    private
      def idle
        with_crew(processes: 1, threads: THREADS) do |crew|
          crew.work
          called = sample
          crew.wait_until_drained
          ran, began = crew.dismiss
          told(percentiles(called, began), Faults.between(called.keys, ran))
        end
      end

      def at_half_load
        arrivals = Arrivals.new(@contender, BESIDE)
        with_crew(processes: 1, threads: THREADS) do |crew|
          half = drain_rate(crew) / 2
          arrivals.begin(half)
          called = sample
          beside, arrived = arrivals.end
          crew.wait_until_drained
          ran, began = crew.dismiss
          told(percentiles(called, began).merge("arrived" => arrived, "half" => half), Faults.between([ *called.keys, *before, *beside ], ran))
        end
      rescue StandardError
        arrivals&.kill
        raise
      end

      def before = BEFORE...(BEFORE + (@count < DRAINED[false] ? QUICK_DRAINED : DRAINED).fetch(@contender.class.fast?))

      def drain_rate(crew)
        @contender.enqueue(:noop, before.to_a)
        from = Clock.now
        crew.work
        before.size / (crew.wait_until_drained - from)
      end

      # @return [Hash{Integer => Float}] by number the moment before the call
      def sample = (0...(@count + WARM_UP)).to_h { |number| [ number, call(number) ] }

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
