# frozen_string_literal: true

module Differential
  # The sequences that once found something, in seeds.txt.
  module Seeds
    FILE = File.join(__dir__, "seeds.txt")

    # @return [Array<Array(Integer, Integer, Boolean)>] seed, number of the sequence, whether it goes through the API
    def self.kept
      lines = File.readlines(FILE).reject { |line| line.start_with?("#") || line.strip.empty? }
      lines.map(&:split).map { |seed, number, way| [ Integer(seed), Integer(number), way == "api" ] }
    end

    # Adds one, to be committed with what made it pass.
    def self.keep(seed, sequence, api)
      return if kept.include?([ seed, sequence, api ])
      File.open(FILE, "a") { |file| file.puts("#{seed} #{sequence} #{api ? "api" : "native"}") }
    end
  end
end
