# frozen_string_literal: true

require_relative "../../bench/harness/usage"

RSpec.describe Bench::Usage do
  it "adds user and system time, whatever the name of the process" do
    stat = "4711 (a b) (c) S 1 4711 4711 0 -1 4194560 1000 0 0 0 123 77 9 9 20 0 7 0 100 200 300\n"
    expect(described_class.seconds_in(stat, 100)).to eq(2.0)
  end

  it "reads the voluntary switches, and not the others" do
    expect(described_class.switches_in("Name:\truby\nnonvoluntary_ctxt_switches:\t7\nvoluntary_ctxt_switches:\t42\n")).to eq(42)
  end

  it "reads the share of memory in MiB, and not the parts of it" do
    expect(described_class.pss_in("Rss:  9999 kB\nPss:  2048 kB\nPss_Dirty:  1024 kB\n")).to eq(2.0)
  end

  it "adds up the wake-ups of threads that were there and of those that began" do
    earlier = described_class::Sample.new(0.0, { 1 => 10, 2 => 5 })
    later = described_class::Sample.new(0.0, { 1 => 13, 3 => 2 })
    expect(later.wake_ups_since(earlier)).to eq(5)
  end

  it "looks at a process" do
    reader, writer = IO.pipe
    pid = fork { writer.close && reader.read && exit!(0) }
    reader.close
    expect(described_class.pss(pid)).to be_between(0.1, 1000)
    expect(described_class.sample(pid).switches.keys).to include(pid)
  ensure
    writer.close
    Process.wait(pid)
  end
end
