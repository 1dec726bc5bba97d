# frozen_string_literal: true

require_relative "../../bench/harness/faults"

RSpec.describe Bench::Faults do
  it "finds nothing where each ran once, in any order" do
    expect(described_class.between(0...4, [ 3, 1, 0, 2 ])).to eq([])
  end

  it "tells what was lost and what was doubled, though the sums agree" do
    expect(described_class.between(0...3, [ 0, 0, 2 ])).to eq([ "1 never ran: 1", "1 ran more than once: 0" ])
  end

  it "tells of what nobody had asked for" do
    expect(described_class.between(0...2, [ 0, 1, 9 ])).to eq([ "1 ran though nobody had asked for it: 9" ])
  end

  it "names the first of many" do
    expect(described_class.between(0...9, [])).to eq([ "9 never ran: 0, 1, 2, 3, 4, …" ])
  end
end
