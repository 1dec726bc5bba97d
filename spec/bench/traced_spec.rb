# frozen_string_literal: true

require "tmpdir"
require_relative "../../bench/harness/traced"

RSpec.describe Bench::Traced do
  def needs_strace
    skip "there is no strace here" unless system("command -v strace > /dev/null")
  end

  it "adds up the calls of strace's table, those that failed among them, and not its total" do
    table = <<~TABLE
      % time     seconds  usecs/call     calls    errors syscall
      ------ ----------- ----------- --------- --------- ----------------
       99.00    0.093000         465       200           fdatasync
        1.00    0.000930         310         3         1 fsync
      ------ ----------- ----------- --------- --------- ----------------
      100.00    0.093930         462       203         1 total
    TABLE
    expect(described_class.count_syncs(table)).to eq(203)
    expect(described_class.count_syncs("")).to eq(0)
    expect(described_class.count_calls(table)).to eq(203)
    expect(described_class.count_calls("")).to eq(0)
  end

  it "tells SQLite's looks from its writes and the ends of both" do
    lines = <<~LINES
      4711 fcntl(9, F_SETLK, {l_type=F_RDLCK, l_whence=SEEK_SET, l_start=123, l_len=1}) = 0
      4711 fcntl(9, F_SETLK, {l_type=F_UNLCK, l_whence=SEEK_SET, l_start=123, l_len=1}) = 0
      4712 fcntl(9, F_SETLK, {l_type=F_WRLCK, l_whence=SEEK_SET, l_start=120, l_len=1}) = 0
      4712 fcntl(9, F_SETLK, {l_type=F_RDLCK, l_whence=SEEK_SET, l_start=124, l_len=1} <unfinished ...>
      4712 <... fcntl resumed>)               = 0
      4712 fcntl(5, F_SETLK, {l_type=F_RDLCK, l_whence=SEEK_SET, l_start=1073741824, l_len=1}) = 0
      4712 fcntl(5, F_GETFL)                  = 0x2 (flags O_RDWR)
    LINES
    expect(described_class.count_reads(lines)).to eq(2)
  end

  it "sees each sync of this process" do
    needs_strace
    Dir.mktmpdir do |dir|
      count = File.open(File.join(dir, "file"), "w") { |file| described_class.syncs([ Process.pid ]) { 7.times { file.syswrite("x") && file.fdatasync } } }
      expect(count).to eq(7)
    end
  end

  it "sees each look at a log" do
    needs_strace
    Dir.mktmpdir do |dir|
      engine = Workflow::Store.new(Workflow::Configuration.new.tap { |one| one.store = "sqlite:#{dir}/log.sqlite3" }).open
      engine.current("key") # opens what it reads with
      expect(described_class.reads([ Process.pid ]) { 5.times { engine.current("key") } }).to be_between(5, 15) # its own threads may look too
    ensure
      engine&.stop(1000)
    end
  end
end
