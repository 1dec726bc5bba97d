# frozen_string_literal: true

require_relative "../../bench/harness/table"

RSpec.describe Bench::Table do
  def row(name, values, count: 1000)
    described_class::Row.new(name: name, count: count, values: values, lacks: "lacks of #{name}")
  end

  def cells(table, name) = table.to_s.lines.find { |line| line.start_with?(name) }.chomp.split(/\s{2,}/)

  let(:rows) { [ row("ours", { 1 => 100.0, 2 => 300.0, 3 => 200.0 }), row("theirs", { 1 => 10.0, 2 => 10.0, 3 => 25.0 }), row("none", {}) ] }

  it "has median, least, most and ratio of each, and beside it what it does not guarantee" do
    table = described_class.new("(a) per second", rows, ours: "ours", counted: "jobs", more_is_better: true)
    expect(table.to_s.lines.first).to eq("(a) per second\n")
    expect(cells(table, "ours")).to eq([ "ours", "1,000", "200", "100", "300", "1 x", "3", "lacks of ours" ])
    expect(cells(table, "theirs")).to eq([ "theirs", "1,000", "10.00", "10.00", "25.00", "10.00 x", "3", "lacks of theirs" ])
  end

  it "has dashes for whom nothing was measured" do
    table = described_class.new("(a)", rows, ours: "ours", counted: "jobs", more_is_better: true)
    expect(cells(table, "none")).to eq([ "none", "1,000", "-", "-", "-", "-", "0", "lacks of none" ])
  end

  it "compares with nobody where neither more nor less is better" do
    table = described_class.new("(f)", rows, ours: "ours", counted: "jobs", more_is_better: nil)
    expect([ cells(table, "ours")[5], cells(table, "theirs")[5] ]).to eq([ "-", "-" ])
  end

  it "compares with nobody where ours was not measured" do
    table = described_class.new("(a)", [ row("ours", {}), row("theirs", { 1 => 2.0 }) ], ours: "ours", counted: "jobs", more_is_better: true)
    expect(cells(table, "theirs")[5]).to eq("-")
  end
end
