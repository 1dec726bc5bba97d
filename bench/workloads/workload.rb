# frozen_string_literal: true

require_relative "../harness/clock"
require_relative "../harness/faults"
require_relative "../harness/figures"

module Bench
  # One thing to measure. It is made anew, in a process of its own, for each contender, round and setting.
  class Workload
    THREADS = 5
    # What a measurement says, in the order of the tables: the name and unit of each figure, and whether more of it is better (nil: neither is).
    METRICS = { "rate" => [ "per second", true ] }.freeze
    # What the counts are of.
    COUNTED = "jobs"

    class << self
      def title(setting) = raise(NotImplementedError)
      # @return [Array<Integer, String, Hash>] what is measured one after the other, such as numbers of processes
      def settings(quick:) = [ 1 ]
      # @param fast [Boolean] whether the contender makes thousands a second
      def count(setting, fast:, quick:) = raise(NotImplementedError)
      # How many there are of a setting, where --size says a number.
      def sized(_setting, size) = size
      # Seconds after which a measurement is given up.
      def patience = 900
      # Why a contender has no figure for a setting.
      def unfit(_contender, _setting) = nil
      def records? = false
      def metrics(_setting) = self::METRICS
      def counted = self::COUNTED
    end

    def initialize(contender, setting, count)
      @contender, @setting, @count = contender, setting, count
    end

    private
      # A crew whose processes are there before anything is connected, and gone afterwards.
      def with_crew(processes:, threads:)
        require_relative "../harness/crew"
        crew = Crew.new(@contender, processes: processes, threads: threads)
        @contender.prepare
        yield crew
      rescue StandardError
        crew&.kill
        raise
      end

      # The queue is full before the workers begin; the clock stops when all is done.
      def drain(kind, processes:, threads:, expected: numbers)
        with_crew(processes: processes, threads: threads) do |crew|
          yield if block_given?
          @contender.enqueue(kind, numbers.to_a)
          took = Clock.now.then { |from| crew.work && crew.wait_until_drained - from }
          told({ "rate" => @count / took }, Faults.between(expected, crew.dismiss.first))
        end
      end

      def numbers = 0...@count

      def told(metrics, faults) = { "metrics" => metrics, "faults" => faults, "sync" => @contender.sync_mode }

      # Does the block for each number, from so many threads at once.
      def from_threads(threads, numbers)
        queue = Thread::Queue.new(numbers.to_a).close
        Array.new(threads) { Thread.new { while (number = queue.pop) do yield number end } }.each(&:join)
      end
  end
end
