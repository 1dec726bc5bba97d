# frozen_string_literal: true

require_relative "../../bench/harness/arrivals"
require_relative "../../bench/peers/contender"

RSpec.describe Bench::Arrivals do
  it "has so many due as the rate makes in the time, less those that were begun" do
    expect(described_class.due(100, 0, 50.0, 0.1).to_a).to eq([ 100, 101, 102, 103, 104 ])
    expect(described_class.due(100, 3, 50.0, 0.1).to_a).to eq([ 103, 104 ])
    expect(described_class.due(100, 5, 50.0, 0.1).to_a).to eq([])
    expect(described_class.due(100, 0, 0.5, 1.9).to_a).to eq([])
  end

  # Writes the numbers that it is to start into a pipe.
  class Piped < Bench::Contender
    def initialize(pipe) = @pipe = pipe
    def enqueue(_kind, numbers) = @pipe.puts(numbers)
  end

  it "starts each number once, in a process of its own, until it is told to end" do
    reader, writer = IO.pipe
    arrivals = described_class.new(Piped.new(writer), 7)
    arrivals.begin(500.0)
    seen = Array.new(10) { Integer(reader.gets) }
    numbers, rate = arrivals.end
    writer.close
    expect(seen + reader.each_line.map { |line| Integer(line) }).to eq(numbers.to_a)
    expect(numbers.begin).to eq(7)
    expect(rate).to be_between(1, 500)
  end

  # Nothing can be connected to.
  class Unreachable < Bench::Contender
    def connect = exit!(1)
  end

  it "says so when its process has failed" do
    arrivals = described_class.new(Unreachable.new({}), 0)
    expect { arrivals.begin(1.0) }.to raise_error("nothing arrives")
  ensure
    arrivals.kill
  end
end
