# frozen_string_literal: true

require_relative "../../bench/harness/catalogue"
require_relative "../../bench/peers/contender"

RSpec.describe Bench::Catalogue do
  def cannot(name, workload) = described_class.contender(name).cannot[workload]

  it "has a reason for whatever a contender cannot do, and one contender at least for each workload" do
    reasons = described_class::CONTENDERS.keys.product(described_class::WORKLOADS.keys).map { |name, workload| cannot(name, workload) }
    expect(reasons.compact).to all(start_with("not run: "))
    expect(described_class::WORKLOADS.keys.map { |workload| cannot(described_class::OURS, workload) }).to all(be_nil)
    expect(%w[sidekiq acidic_job geneva_drive good_job].map { |name| %w[a d j].map { |workload| cannot(name, workload).nil? } })
      .to eq([ [ true, false, true ], [ false, true, false ], [ true, true, false ], [ true, true, false ] ])
  end

  it "says beside a number what it does not guarantee, and before that what is to be said of this workload alone" do
    ours = described_class.contender(described_class::OURS)
    expect(ours.beside("a")).to eq(ours.lacks)
    expect(ours.beside("d")).to eq("#{ours.remarks["d"]}; #{ours.lacks}")
  end
end
