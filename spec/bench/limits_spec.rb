# frozen_string_literal: true

require_relative "../../bench/harness/limits"

RSpec.describe Bench::Limits do
  it "measures in a process of its own, and says what in which unit" do
    Dir.mktmpdir do |dir|
      lines = described_class.measure(dir).lines
      expect(lines.first).to match(/\Aat most: [\d,]+ commits a second of one row, [\d,]+ rows a second at 5,000 a commit/)
      expect(lines.last).to match(/ [\d.]+ us from one Ruby thread to another, [\d.]+ us from one process to another/)
      expect(Dir.children(dir)).to be_empty
    end
  end

  it "groups what is counted and rounds what is timed" do
    lines = described_class.new("commits" => 1834.4, "rows" => 412_345.6, "switch" => 0.00000512, "wake" => 0.0000087).lines
    expect(lines.join).to include("1,834 commits", "412,346 rows", "5.1 us from one Ruby thread", "8.7 us from one process")
  end
end
