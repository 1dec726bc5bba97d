# frozen_string_literal: true

require_relative "../../bench/harness/figures"

RSpec.describe Bench::Figures do
  it "has a median of odd and of even counts, whatever their order" do
    expect(described_class.median([ 3, 1, 2 ])).to eq(2)
    expect(described_class.median([ 4, 1, 3, 2 ])).to eq(2.5)
    expect { described_class.median([]) }.to raise_error(ArgumentError)
  end

  it "has the percentile that so many values do not exceed" do
    values = (1..100).to_a.shuffle
    expect(described_class.percentile(values, 0.5)).to eq(50)
    expect(described_class.percentile(values, 0.99)).to eq(99)
    expect(described_class.percentile([ 7 ], 0.99)).to eq(7)
    expect { described_class.percentile([], 0.5) }.to raise_error(ArgumentError)
  end

  it "takes ratios within a round, and their median" do
    ours, theirs = { 1 => 100, 2 => 10, 3 => 300 }, { 1 => 10, 2 => 5, 3 => 100 }
    expect(described_class.advantage(ours, theirs, more_is_better: true)).to eq(3)
  end

  it "turns the ratio round where less is better" do
    expect(described_class.advantage({ 1 => 0.5 }, { 1 => 2.0 }, more_is_better: false)).to eq(4)
  end

  it "leaves out rounds that only one of them has" do
    expect(described_class.advantage({ 1 => 4, 2 => 9 }, { 1 => 2 }, more_is_better: true)).to eq(2)
    expect(described_class.advantage({ 1 => 4 }, { 2 => 2 }, more_is_better: true)).to be_nil
  end

  it "writes as many digits as say something" do
    expect([ 81_234.4, 812.3, 8.123, 0.0812 ].map { |value| described_class.write(value) }).to eq([ "81,234", "812", "8.12", "0.081" ])
    expect([ 1_234_567, 60 ].map { |count| described_class.group(count) }).to eq([ "1,234,567", "60" ])
  end
end
