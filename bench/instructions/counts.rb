# frozen_string_literal: true

require_relative "../harness/figures"

module Bench
  module Instructions
    # Instructions of one operation of each workload, what they were counted with, and how they are kept in a file.
    class Counts
      MARGIN = 0.03
      COLUMNS = [ "workload", "an operation", "core", "SQLite", "C library" ].freeze
      KEEP = "say in the commit's message why, and keep the new figures with `rake bench:instructions:keep`."

      # @return [Hash{String => String}] compiler, flags, libraries: figures of others are not compared
      attr_reader :with
      # @return [Hash{String => Array<Integer>}] by workload: all, and the parts of it
      attr_reader :figures

      # @param text [String] what {#to_s} wrote
      def self.parse(text)
        lines = text.lines(chomp: true).reject { |line| line.empty? || line.start_with?("#") }
        with, rows = lines.partition { |line| line.match?(/\A[\w ]+: /) }
        figures = rows.drop(1).to_h { |row| row.split.then { |name, *numbers| [ name, numbers.map { |number| Integer(number.delete(",")) } ] } }
        new(with.to_h { |line| line.split(": ", 2) }, figures)
      end

      def initialize(with, figures)
        @with, @figures = with, figures
      end

      # @param kept [Counts]
      # @return [Array<String>] what differs in compiler, flags or libraries: then nothing can be compared
      def differences(kept)
        (with.keys | kept.with.keys).reject { |key| with[key] == kept.with[key] }
          .map { |key| "#{key}: #{with[key] || "none"}; the kept figures are of #{kept.with[key] || "none"}" }
      end

      # @param kept [Counts]
      # @return [Array<String>] a sentence for each workload that is not as it was. One that needs less counts too: with the old
      #   figure kept, it could get worse again by as much before anybody was told.
      def problems(kept)
        (figures.keys | kept.figures.keys).filter_map { |workload| problem(workload, figures[workload]&.first, kept.figures[workload]&.first) }
      end

      def to_s
        lines = [ COLUMNS, *figures.map { |name, numbers| [ name, *numbers.map { |number| Figures.group(number) } ] } ]
        widths = lines.transpose.map { |column| column.map(&:size).max }
        table = lines.map { |first, *rest| [ first.ljust(widths[0]), *rest.zip(widths.drop(1)).map { |cell, width| cell.rjust(width) } ].join("  ") }
        [ *with.map { |key, value| "#{key}: #{value}" }, "", *table ].join("\n") + "\n"
      end

      private
        def problem(workload, now, before)
          return "#{workload} is new: #{Figures.group(now)} instructions, and none are kept: #{KEEP}" unless before
          return "#{workload} is kept with #{Figures.group(before)} instructions, and is not counted any more: #{KEEP}" unless now
          change = (now - before) / before.to_f
          return if change.abs <= MARGIN
          figures = "#{workload} takes #{Figures.group(now)} instructions; kept are #{Figures.group(before)} (#{format("%+.1f", change * 100)} %)"
          change.positive? ? "#{figures}. Find out what it does that it did not; if that is to stay, #{KEEP}" : "#{figures}. It is less: #{KEEP}"
        end
    end
  end
end
