# frozen_string_literal: true

require "fileutils"
require "open3"
require "rbconfig"
require_relative "../../bench/harness/options"

RSpec.describe Bench::Options do
  def options(*arguments) = described_class.new(arguments)
  def wrong(*arguments) = raise_error(described_class::Wrong, *arguments)

  it "takes everything, in five rounds, unless told otherwise" do
    expect(options.workloads).to eq(%w[a b c d e f g h i j k l])
    expect(options.contenders.first).to eq("workflow")
    expect(options.rounds).to eq(5)
    expect(options.budget).to be_nil
  end

  it "takes one round and limits its time with --quick, unless told how many" do
    expect(options("--quick").rounds).to eq(1)
    expect(options("--quick", "--rounds", "2").rounds).to eq(2)
    expect(options("--quick").budget).to be < 180
  end

  it "measures ours beside whichever peers are named" do
    expect(options("--peers", "que,sidekiq").contenders).to eq(%w[workflow sidekiq que])
    expect(options("--only", "f,a").workloads).to eq(%w[a f])
    expect(options("--size", "a=100,c=5").sizes).to eq("a" => 100, "c" => 5)
  end

  it "asks for those servers that the chosen work on" do
    expect(options("--peers", "sidekiq", "--only", "a").servers).to eq([ "redis" ])
    expect(options("--peers", "solid_queue_sqlite", "--only", "a").servers).to eq([])
    expect(options("--peers", "que", "--only", "a").servers).to eq([ "postgresql" ])
    expect(options("--peers", "sidekiq", "--only", "b").servers).to contain_exactly("redis", "postgresql")
  end

  it "asks for strace where syncs are counted, and for Chromium where pages are" do
    expect(options("--only", "f").programs).to eq([ "strace" ])
    expect(options("--only", "a").programs).to eq([])
    expect(options("--only", "l").programs).to eq([ "chromium" ])
  end

  it "lets those take part who can do something of it, and has no server for the others" do
    expect(options("--only", "h").contenders).to eq([ "workflow" ])
    expect(options("--only", "h").servers).to eq([])
    expect(options("--only", "f,g").contenders).not_to include("acidic_job", "geneva_drive")
    expect(options("--only", "l").contenders).to eq(%w[workflow solid_cable redis_cable])
    expect(options("--only", "f,h", "--peers", "que").contenders).to eq(%w[workflow que])
  end

  it "refuses what makes no sense, with a sentence" do
    expect { options("--only", "z") }.to wrong("There is no workload \"z\"; there are a, b, c, d, e, f, g, h, i, j, k, l.")
    expect { options("--peers", "") }.to wrong(/Name at least one peer/)
    expect { options("--rounds", "0") }.to wrong("--rounds must be at least 1, not 0.")
    expect { options("--rounds", "many") }.to wrong(/Invalid argument: --rounds many/)
    expect { options("--size", "a") }.to wrong(/--size wants a workload and a number/)
    expect { options("--out", "/nowhere/at/all.txt") }.to wrong(/there is no directory/)
    expect { options("--fast") }.to wrong(/Invalid option: --fast/)
    expect { options("fast") }.to wrong("\"fast\" is no option.")
  end

  it "exits 2 with the sentence as a program, before anything is installed" do
    file = File.expand_path("../../bench/harness/options.rb", __dir__)
    out, status = Open3.capture2e(RbConfig.ruby, file, "--only", "z")
    expect(out).to eq("bin/bench: There is no workload \"z\"; there are a, b, c, d, e, f, g, h, i, j, k, l.\n")
    expect(status.exitstatus).to eq(2)
  end

  it "knows of no contender or workload whose file is missing" do
    entries = Bench::Catalogue::CONTENDERS.values.map { |entry| "peers/#{entry[:file]}" } +
      Bench::Catalogue::WORKLOADS.values.map { |entry| "workloads/#{entry[:file]}" }
    expect(entries.reject { |file| File.exist?(File.expand_path("../../bench/#{file}.rb", __dir__)) }).to eq([])
  end
end
