# frozen_string_literal: true

require "tmpdir"
require_relative "../../bench/harness/full_log"
require_relative "../../bench/peers/contender"
require_relative "../../bench/peers/workflow_jobs"
require_relative "../../bench/workloads/size"

RSpec.describe Bench::FullLog do
  around { |example| Dir.mktmpdir { |dir| (@dir = dir) && example.run } }

  def filled(kind, runs)
    path = File.join(@dir, "copy.sqlite3")
    described_class.new(@dir, kind, runs).copy_to(path)
    engine = Workflow::Store.new(Workflow::Configuration.new.tap { |one| one.store = "sqlite:#{path}" }).open
    yield engine
  ensure
    engine&.stop(1000)
  end

  it "has so many events of runs that are done as it was asked for" do
    filled(:done, 40) do |engine|
      expect(engine.log(0, 1000).size).to eq(40 * described_class::EVENTS)
      expect(engine.count({ states: [ :done ] }, nil).first).to eq(40)
    end
  end

  it "has so many runs that wait, each of another object" do
    filled(:waiting, 40) { |engine| expect(engine.count({ states: [ :waiting ] }, nil).first).to eq(40) }
  end

  it "is written once" do
    filled(:waiting, 2) { |_| nil }
    kept = Dir[File.join(@dir, "logs", "*.sqlite3")].to_h { |file| [ file, File.stat(file).ino ] }
    filled(:waiting, 2) { |_| nil }
    expect(kept.size).to eq(1)
    expect(kept.keys.to_h { |file| [ file, File.stat(file).ino ] }).to eq(kept)
  end

  it "is held against an empty one" do
    ratios = Bench::Size.against({ "rate" => 900, "start" => 3, "pss" => 1 }, { "rate" => 1000, "start" => 2, "pss" => 1 })
    expect(ratios).to eq("rate against" => 0.9, "start against" => 1.5)
    expect(Bench::Size.metrics({ "log" => "full" }).keys).to include(*ratios.keys)
    expect(Bench::Size.metrics({ "log" => "empty" }).keys).not_to include(*ratios.keys)
  end

  it "is a part of the size that was asked for" do
    sizes = Bench::Size.settings(quick: true).to_h { |setting| [ setting["log"], Bench::Size.sized(setting, 200_000) ] }
    expect(sizes).to eq("empty" => 0, "tenth" => 20_000, "full" => 200_000, "waiting" => 20_000)
  end
end
