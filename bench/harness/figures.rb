# frozen_string_literal: true

module Bench
  # What is computed of the rounds' figures, and how it is written.
  module Figures
    # @return [Numeric] the middle one, or the mean of the two in the middle
    def self.median(values)
      raise ArgumentError, "there is no median of nothing" if values.empty?
      sorted = values.sort
      middle = sorted.size / 2
      sorted.size.odd? ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2.0
    end

    # @return [Numeric] the least value that so many of the values (0.99) do not exceed
    def self.percentile(values, part)
      raise ArgumentError, "there is no percentile of nothing" if values.empty?
      values.sort[[ (values.size * part).ceil - 1, 0 ].max]
    end

    # How many times better ours is: the median over the rounds that have both, each with its own ratio, since the machine's
    # load differs from one round to the next.
    # @param ours, theirs [Hash{Integer => Numeric}] by round
    # @param more_is_better [Boolean]
    # @return [Numeric, nil]
    def self.advantage(ours, theirs, more_is_better:)
      ratios = (ours.keys & theirs.keys).filter_map do |round|
        better, worse = more_is_better ? [ ours[round], theirs[round] ] : [ theirs[round], ours[round] ]
        better / worse.to_f if worse.positive?
      end
      median(ratios) if ratios.any?
    end

    # Three digits that say something: 81,234 and 812 and 8.12 and 0.081.
    def self.write(value)
      return group(value.round) if value.abs >= 100
      format(value.abs >= 1 ? "%.2f" : "%.3f", value)
    end

    # 200,000
    def self.group(count) = count.to_s.gsub(/(?<=\d)(?=(\d{3})+\z)/, ",")
  end
end
