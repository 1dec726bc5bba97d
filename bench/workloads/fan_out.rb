# frozen_string_literal: true

require_relative "workload"

module Bench
  # (d) One parent with 20,000 children of one step each, who joins them: the shape that chrono_forge publishes. The workers are at work
  # when it begins; the clock runs from before the parent is started until nothing is left, and so has the starts in it. The parent's
  # step after the join notes the number that follows those of the children.
  #
  # Who has no children to join starts as many runs of one step; the table says so beside the number.
  class FanOut < Workload
    COUNTED = "children"

    def self.title(_) = "(d) one parent, its children of one step, and their join, from the start to the end, by 1 process of #{THREADS} threads"
    def self.count(_, fast:, quick:) = quick ? (fast ? 400 : 20) : 20_000
    def self.patience = 3600

    def measure
      with_crew(processes: 1, threads: THREADS) do |crew|
        @contender.lay_out(numbers.to_a)
        crew.work
        from = Clock.now
        @contender.fan_out(numbers.to_a)
        took = crew.wait_until_drained - from
        told({ "rate" => @count / took }, Faults.between(@contender.class.joins? ? 0..@count : numbers, crew.dismiss.first))
      end
    end
  end
end
