# frozen_string_literal: true

require_relative "../../bench/peers/contender"
require_relative "../../bench/workloads/now_steps"

RSpec.describe Bench::NowSteps do
  # Its steps begin 3 ms after one another, its bare calls 1 ms.
  class SteadyContender < Bench::Contender
    def prepare = @moment = 0.0
    def sync_mode = "none"
    def start_now(first, steps) = call(first, steps, 0.003)
    def call_bare(first) = call(first, NOW_STEPS, 0.001)

    private
      def call(first, count, apart)
        count.times do |index|
          Bench::Tally.note(first + index)
          Bench::Tally.began[first + index] = @moment += apart
        end
      end
  end

  before { [ Bench::Tally.ran, Bench::Tally.began ].each(&:clear) }
  after { [ Bench::Tally.ran, Bench::Tally.began ].each(&:clear) }

  it "takes what the bare calls need off what lies between two steps" do
    told = described_class.new(SteadyContender.new({}), 1, 4).measure
    expect(told["metrics"]["step p50"]).to be_within(1e-6).of(2)
    expect(told["metrics"]["step p99"]).to be_within(1e-6).of(2)
    expect(told["metrics"]["start p50"]).to be >= 0
    expect(told["faults"]).to eq([])
  end
end
