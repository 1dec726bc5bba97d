# frozen_string_literal: true

require_relative "workload"

module Bench
  # (h) What a `now` step costs over the bare method call, in the thread of the caller; nobody works meanwhile.
  #
  # Each sample takes two times:
  #
  # - start: one whole call of `start` on an object of a workflow of one `now` step, from before it until it has returned. It has two
  #   commits: that of the start and that of the step.
  # - step: in one call of `start` on a workflow of 11 `now` steps, from the first line of each step to the first line of the next, in that
  #   run: the ends of ten steps, each on disk before the next begins, and the beginnings of the ten that follow. What the start costs is
  #   not in it. The same from one bare call of the method to the next, the median of it, is taken off.
  #
  # Each method notes its moment and its number, and does nothing else, whoever calls it.
  class NowSteps < Workload
    METRICS = {
      "step p50" => [ "each further step over the bare call, p50, ms", false ], "step p99" => [ "each further step over the bare call, p99, ms", false ],
      "start p50" => [ "start of a workflow of one step, p50, ms", false ], "start p99" => [ "start of a workflow of one step, p99, ms", false ]
    }.freeze
    COUNTED = "samples"
    WARM_UP = 20

    def self.title(_) = "(h) `now` steps, in the caller's thread"
    def self.count(_, fast:, quick:) = quick ? 20 : 2000

    def measure
      @contender.prepare
      samples = Array.new(WARM_UP + @count) { |number| sample(number) }.drop(WARM_UP)
      told(figures(samples), Faults.between(0...((WARM_UP + @count) * Contender::NOW_METHODS), Tally.ran))
    end

    private
      # Numbers of methods that were called, each once: the one step, the eleven, and the eleven bare calls.
      def sample(number)
        first = number * Contender::NOW_METHODS
        start = Clock.seconds { @contender.start_now(first, 1) }
        @contender.start_now(first + 1, Contender::NOW_STEPS)
        @contender.call_bare(first + 1 + Contender::NOW_STEPS)
        { start: start, steps: gaps(first + 1), bare: gaps(first + 1 + Contender::NOW_STEPS) }
      end

      # @return [Array<Float>] seconds between the first lines of methods that were called one after the other
      def gaps(first)
        moments = Array.new(Contender::NOW_STEPS) { |index| Tally.began.fetch(first + index) }
        moments.each_cons(2).map { |from, to| to - from }
      end

      def figures(samples)
        starts = samples.map { |sample| sample[:start] }
        bare = Figures.median(samples.flat_map { |sample| sample[:bare] })
        steps = samples.flat_map { |sample| sample[:steps] }
        { "step p50" => over(steps, 0.5, bare), "step p99" => over(steps, 0.99, bare), "start p50" => over(starts, 0.5), "start p99" => over(starts, 0.99) }
      end

      def over(seconds, part, bare = 0) = (Figures.percentile(seconds, part) - bare) * 1000
  end
end
