# frozen_string_literal: true

module Bench
  # Holds what was run against what was to run: each number once.
  module Faults
    SHOWN = 5

    # @param expected [Enumerable<Integer>]
    # @param ran [Array<Integer>] in any order
    # @return [Array<String>] a sentence for each way in which they differ
    def self.between(expected, ran)
      times = ran.tally
      [ sentence("never ran", expected.reject { |number| times.key?(number) }),
        sentence("ran more than once", times.filter_map { |number, count| number if count > 1 }),
        sentence("ran though nobody had asked for it", times.keys - expected.to_a) ].compact
    end

    def self.sentence(what, numbers)
      return if numbers.empty?
      "#{numbers.size} #{what}: #{numbers.first(SHOWN).join(", ")}#{", …" if numbers.size > SHOWN}"
    end
    private_class_method :sentence
  end
end
