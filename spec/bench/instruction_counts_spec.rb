# frozen_string_literal: true

require_relative "../../bench/instructions/counts"

RSpec.describe Bench::Instructions::Counts do
  def counts(figures, with = { "compiler" => "cc 12", "SQLite" => "3.40.1 2022-12-28 14:03:47" })
    described_class.new(with, figures.transform_values { |figure| [ figure, 1_000, figure - 1_500, 500 ] })
  end

  let(:kept) { counts({ "start" => 100_000, "step" => 200_000 }) }

  it "has no problem with what is within three per cent, either way" do
    expect(counts({ "start" => 103_000, "step" => 194_000 }).problems(kept)).to eq([])
  end

  it "names what takes more, with both figures and what to do" do
    problems = counts({ "start" => 103_001, "step" => 200_000 }).problems(kept)
    expect(problems).to contain_exactly(a_string_starting_with("start takes 103,001 instructions; kept are 100,000 (+3.0 %). Find out what it does that it did not"))
    expect(problems.first).to include("rake bench:instructions:keep")
  end

  it "names what takes less too, so that it cannot get worse again unnoticed" do
    problems = counts({ "start" => 100_000, "step" => 193_999 }).problems(kept)
    expect(problems).to contain_exactly(a_string_starting_with("step takes 193,999 instructions; kept are 200,000 (-3.0 %). It is less: "))
    expect(problems.first).to include("rake bench:instructions:keep")
  end

  it "names a workload that only one side has" do
    expect(counts({ "start" => 100_000, "read" => 5_000 }).problems(kept)).to contain_exactly(
      a_string_starting_with("step is kept with 200,000 instructions, and is not counted any more: "),
      a_string_starting_with("read is new: 5,000 instructions, and none are kept: "))
  end

  it "tells in which compiler, flags or libraries the kept figures differ" do
    other = counts({ "start" => 1 }, { "compiler" => "cc 13", "SQLite" => "3.40.1 2022-12-28 14:03:47", "valgrind" => "3.19" })
    expect(other.differences(kept)).to eq([ "compiler: cc 13; the kept figures are of cc 12", "valgrind: 3.19; the kept figures are of none" ])
    expect(counts({ "start" => 1 }).differences(kept)).to eq([])
  end

  it "is read as it was written" do
    again = described_class.parse("# a remark\n#{kept}")
    expect(again.with).to eq(kept.with)
    expect(again.figures).to eq(kept.figures)
    expect(kept.to_s.lines(chomp: true)).to eq([ "compiler: cc 12", "SQLite: 3.40.1 2022-12-28 14:03:47", "",
      "workload  an operation   core   SQLite  C library",
      "start          100,000  1,000   98,500        500",
      "step           200,000  1,000  198,500        500" ])
  end

  describe "what is kept" do
    let(:root) { File.expand_path("../..", __dir__) }
    let(:kept) { described_class.parse(File.read("#{root}/bench/results/instructions.txt")) }

    it "is read" do
      expect(kept.figures.keys).to include("start", "step", "step_batch", "sequence_batch", "signup", "read")
      expect(kept.figures.values).to all(satisfy { |all, *parts| (all - parts.sum).abs <= 2 && all.positive? })
    end

    it "is what docs/performance.md shows" do
      expect(File.read("#{root}/docs/performance.md")).to include(kept.to_s)
    end
  end
end
