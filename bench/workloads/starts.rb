# frozen_string_literal: true

require_relative "workload"

module Bench
  # (f) Starts one by one, each acknowledged before the thread's next; nobody works meanwhile. Workers then run them all, so that
  # what was acknowledged is seen to be there.
  class Starts < Workload
    WARM_UP = 20

    def self.title(threads) = "(f) starts from #{threads} #{threads == 1 ? "thread" : "threads"}, each acknowledged before the next"
    def self.settings(quick:) = quick ? [ 1, 8 ] : [ 1, 8, 32 ]
    def self.count(_threads, fast:, quick:) = quick ? (fast ? 200 : 30) : (fast ? 20_000 : 2000)

    def measure
      with_crew(processes: 1, threads: THREADS) do |crew|
        from_threads(@setting, 0...warm_up) { |number| start(number) }
        took = Clock.seconds { from_threads(@setting, warm_up...(warm_up + @count)) { |number| start(number) } }
        crew.work && crew.wait_until_drained
        told({ "rate" => @count / took }, Faults.between(0...(warm_up + @count), crew.dismiss.first))
      end
    end

    private
      # Each thread has its connection by then.
      def warm_up = [ WARM_UP, @setting ].max
      def start(number) = @contender.start_one(:noop, number)
  end
end
