# frozen_string_literal: true

require_relative "../harness/traced"
require_relative "workload"

module Bench
  # (f) Starts one by one, each acknowledged before the thread's next; nobody works meanwhile. Workers then run them all, so that
  # what was acknowledged is seen to be there. With one thread, some more starts are made, and strace counts meanwhile how often whoever
  # keeps them syncs; those are not timed.
  class Starts < Workload
    WARM_UP = 20
    TRACED = 100
    SYNCS = { "syncs" => [ "fdatasync and fsync for each returned start, as strace counts them", nil ] }.freeze

    def self.title(threads) = "(f) starts from #{threads} #{threads == 1 ? "thread" : "threads"}, each acknowledged before the next"
    def self.settings(quick:) = quick ? [ 1, 8 ] : [ 1, 8, 32 ]
    def self.count(_threads, fast:, quick:) = quick ? (fast ? 200 : 30) : (fast ? 20_000 : 2000)

    # Of one thread: nobody shares its syncs.
    def self.metrics(threads) = threads == 1 ? METRICS.merge(SYNCS) : METRICS

    def measure
      with_crew(processes: 1, threads: THREADS) do |crew|
        from_threads(@setting, 0...warm_up) { |number| start(number) }
        took = Clock.seconds { from_threads(@setting, timed) { |number| start(number) } }
        syncs = count_syncs if @setting == 1
        crew.work && crew.wait_until_drained
        faults = Faults.between(0...(timed.end + (@setting == 1 ? traced : 0)), crew.dismiss.first)
        told({ "rate" => @count / took, "syncs" => syncs }.compact, faults + unsynced(syncs))
      end
    end

    private
      # Each thread has its connection by then.
      def warm_up = [ WARM_UP, @setting ].max
      def timed = warm_up...(warm_up + @count)
      def traced = [ TRACED, @count ].min

      # Of one that says that nothing returns before it is on disk.
      def unsynced(syncs) = @contender.class.synced? && syncs && syncs < 1 ? [ "#{syncs} syncs for each returned start" ] : []

      # From this thread, so that it is known which connection is used. The first start is before the count begins.
      # @return [Float, nil] for each start
      def count_syncs
        first, *others = *(timed.end...(timed.end + traced))
        start(first)
        Traced.syncs(@contender.syncing) { others.each { |number| start(number) } }&.fdiv(others.size)
      end

      def start(number) = @contender.start_one(:noop, number)
  end
end
