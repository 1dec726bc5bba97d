# frozen_string_literal: true

module Bench
  module Instructions
    # What callgrind counted of one workload: instructions of each function, without what it calls.
    class Profile
      # @!attribute name [String]
      # @!attribute part [Symbol] :core, :sqlite, :c_library, or :driver, which is no part of what is measured
      # @!attribute instructions [Numeric] of all operations
      Function = Struct.new(:name, :part, :instructions, keyword_init: true)

      LINE = /\A\s*(?<instructions>[\d,]+) \(\s*[\d.]+%\)\s+(?<file>.*):(?<name>[^:\n]+?)(?: \[(?<object>[^\]]*)\])?\s*\z/
      TOTAL = /^ *([\d,]+) \(\s*100\.0+%\)\s+PROGRAM TOTALS/
      PARTS = %i[core sqlite c_library].freeze

      # @param text [String] what callgrind_annotate --threshold=100 --auto=no printed
      # @param operations [Integer] how many it is about
      # @raise [ArgumentError] if the lines that are understood do not add up to the total
      def initialize(text, operations)
        @operations = operations
        @functions = functions(text.lines.filter_map { |line| LINE.match(line) })
        total = number(text[TOTAL, 1].to_s)
        understood = @functions.sum(&:instructions)
        raise ArgumentError, "callgrind_annotate told of #{understood} of #{total} instructions" unless total.positive? && understood == total
      end

      # @return [Integer] instructions of one operation: of one part, or of all that is measured
      def per_operation(*parts)
        parts = PARTS if parts.empty?
        (@functions.sum { |function| parts.include?(function.part) ? function.instructions : 0 } / @operations.to_f).round
      end

      # @return [Array<Array(String, Integer)>] names and instructions of one operation, the costliest first
      def costliest(part, count)
        of_part = @functions.select { |function| function.part == part }.group_by(&:name)
        sums = of_part.transform_values { |functions| functions.sum(&:instructions) }
        sums.sort_by { |name, sum| [ -sum, name ] }.first(count).map { |name, sum| [ name, (sum / @operations.to_f).round ] }
      end

      private
        # What was inlined from another file has a line of its own, which does not say in which object: the function's other lines do.
        def functions(matches)
          parts = matches.select { |match| match[:object] }.to_h { |match| [ match[:name], part(match[:file], match[:object]) ] }
          matches.map do |match|
            Function.new(name: match[:name].delete_suffix("'2").sub(/\A0x0+/, "0x"), part: parts.fetch(match[:name], :core), instructions: number(match[:instructions]))
          end
        end

        # Only SQLite comes without the names of its source files; where it is linked into the program it is known by that.
        def part(file, object)
          return :sqlite if object.include?("libsqlite3")
          return :c_library unless File.basename(object).start_with?("driver")
          return :driver if file.end_with?("bench/instructions/driver.c")
          file == "???" && object.end_with?("-named") ? :sqlite : :core
        end

        def number(digits) = digits.delete(",").to_i
    end
  end
end
