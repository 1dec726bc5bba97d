# frozen_string_literal: true

require_relative "figures"

module Bench
  # One metric of one case, a row for each contender, ours first and then as they were given.
  class Table
    # What one contender reached.
    # @!attribute count [Integer] the jobs of each round
    # @!attribute values [Hash{Integer => Numeric}] by round
    # @!attribute lacks [String] what its number does not guarantee
    Row = Struct.new(:name, :count, :values, :lacks, keyword_init: true)

    # @param counted [String] what the count is of: "jobs"
    # @param more_is_better [Boolean, nil] nil: neither is, and nothing is compared
    def initialize(title, rows, ours:, counted:, more_is_better:)
      @title, @rows, @ours, @counted, @more_is_better = title, rows, ours, counted, more_is_better
    end

    def to_s
      lines = [ [ "", @counted, "median", "least", "most", "ours is", "rounds", "not guaranteed" ], *@rows.map { |row| cells(row) } ]
      widths = lines.transpose.map { |column| column.map(&:size).max }
      [ @title, *lines.map { |line| aligned(line, widths) } ].join("\n") + "\n"
    end

    private
      def cells(row)
        return [ row.name, Figures.group(row.count), "-", "-", "-", "-", "0", row.lacks ] if row.values.empty?
        values = row.values.values
        [ row.name, Figures.group(row.count), *[ Figures.median(values), values.min, values.max ].map { |value| Figures.write(value) },
          advantage(row), values.size.to_s, row.lacks ]
      end

      def advantage(row)
        return "-" if @more_is_better.nil?
        return "1 x" if row.name == @ours
        ours = @rows.find { |other| other.name == @ours } or return "-"
        ratio = Figures.advantage(ours.values, row.values, more_is_better: @more_is_better)
        ratio ? "#{Figures.write(ratio)} x" : "-"
      end

      def aligned(line, widths)
        last = line.size - 1
        line.each_with_index.map { |cell, i| i.zero? ? cell.ljust(widths[i]) : i == last ? cell : cell.rjust(widths[i]) }.join("  ").rstrip
      end
  end
end
