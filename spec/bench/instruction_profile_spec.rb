# frozen_string_literal: true

require_relative "../../bench/instructions/profile"

RSpec.describe Bench::Instructions::Profile do
  let(:lines) do
    <<~TEXT
      Profile data file 'driver.start.out' (creator: callgrind-3.19.0)
      --------------------------------------------------------------------------------
      Ir
      --------------------------------------------------------------------------------
      2,105 (100.0%)  PROGRAM TOTALS

      --------------------------------------------------------------------------------
      Ir             file:function
      --------------------------------------------------------------------------------
      1,000 (47.51%)  ???:0x00000000000ff650 [/usr/lib/libsqlite3.so.0.8.6]
        500 (23.75%)  ../ext/workflow/core/buffer.c:wf_buffer_put [/somewhere/tmp/instructions/driver]
        300 (14.25%)  ???:sqlite3VdbeExec [/usr/lib/libsqlite3.so.0.8.6]
        200 ( 9.50%)  ./malloc/./malloc/malloc.c:malloc [/usr/lib/libc.so.6]
         50 ( 2.38%)  /usr/include/bits/string_fortified.h:wf_buffer_put
         40 ( 1.90%)  bench/instructions/driver.c:post_start [/somewhere/tmp/instructions/driver]
         15 ( 0.71%)  /usr/include/bits/stdio2.h:post_start
    TEXT
  end
  let(:profile) { described_class.new(lines, 10) }

  it "tells the instructions of one operation, without the driver's own" do
    expect(profile.per_operation).to eq(205)
    expect(profile.per_operation(:core)).to eq(55)
    expect(profile.per_operation(:sqlite)).to eq(130)
    expect(profile.per_operation(:c_library)).to eq(20)
  end

  it "adds to a function what was inlined into it from other files" do
    expect(profile.costliest(:core, 10)).to eq([ [ "wf_buffer_put", 55 ] ])
  end

  it "has the costliest first, and those without a name by their address" do
    expect(profile.costliest(:sqlite, 10)).to eq([ [ "0xff650", 100 ], [ "sqlite3VdbeExec", 30 ] ])
    expect(profile.costliest(:sqlite, 1)).to eq([ [ "0xff650", 100 ] ])
  end

  it "knows SQLite inside the program by its lack of source files" do
    named = lines.gsub("libsqlite3.so.0.8.6", "driver-named").gsub("instructions/driver]", "instructions/driver-named]")
    expect(described_class.new(named, 10).per_operation(:sqlite)).to eq(130)
    expect(described_class.new(named, 10).per_operation(:core)).to eq(55)
  end

  it "refuses what does not add up, since then a line was not understood" do
    expect { described_class.new(lines.sub("200 ( 9.50%)", "200 (many)"), 10) }.to raise_error(ArgumentError, /1905 of 2105/)
    expect { described_class.new("", 10) }.to raise_error(ArgumentError, /0 of 0/)
  end
end
