# frozen_string_literal: true

require "workflow/fields"

RSpec.describe Workflow::Fields do
  let(:what) { "app/models/order.rb:12: await :confirm" }

  def fields(**types) = described_class.new(types, what)

  # What one field makes of a value: the value, or what is wrong in an array of its own.
  def cast(type, value)
    values, errors = fields(it: type).read(it: value)
    errors.empty? ? values.fetch(:it) : errors.fetch(:it)
  end

  describe "values" do
    {
      [ String, "a b" ] => "a b", [ String, "" ] => "", [ String, "ü".b ] => "ü", [ String, "ü".encode("ISO-8859-1") ] => "ü",
      [ Symbol, :a ] => :a,
      [ Integer, 7 ] => 7, [ Integer, "7" ] => 7, [ Integer, " -08 " ] => -8, [ Integer, "+3" ] => 3,
      [ Float, "1.5" ] => 1.5, [ Float, "2" ] => 2.0, [ Float, "-1e3" ] => -1000.0, [ Float, ".5" ] => 0.5,
      [ Float, 2 ] => 2.0, [ Float, BigDecimal("1.5") ] => 1.5,
      [ BigDecimal, "1.10" ] => BigDecimal("1.1"), [ BigDecimal, 3 ] => BigDecimal(3), [ BigDecimal, 0.1 ] => BigDecimal("0.1"),
      [ Numeric, "1.10" ] => BigDecimal("1.1"), [ Numeric, 3 ] => 3, [ Numeric, 0.5 ] => 0.5,
      [ Date, "2026-02-28" ] => Date.new(2026, 2, 28), [ Date, Date.new(2026) ] => Date.new(2026),
      [ Date, DateTime.new(2026, 1, 2, 3) ] => Date.new(2026, 1, 2),
      [ Time, "2026-02-28T10:20:30Z" ] => Time.utc(2026, 2, 28, 10, 20, 30),
      [ Time, "2026-02-28T10:20:30.25+02:00" ] => Time.utc(2026, 2, 28, 8, 20, 30.25r),
      [ Time, "2026-02-28 10:20:30+0200" ] => Time.utc(2026, 2, 28, 8, 20, 30),
      [ Time, "2026-02-28T10:20" ] => Time.local(2026, 2, 28, 10, 20),
      [ Time, DateTime.new(2026, 1, 2, 3) ] => Time.utc(2026, 1, 2, 3),
      [ DateTime, "2026-02-28T10:20:30Z" ] => DateTime.new(2026, 2, 28, 10, 20, 30),
      [ DateTime, Time.utc(2026) ] => DateTime.new(2026),
      [ Array, [ 1, "a", nil ] ] => [ 1, "a", nil ], [ Array, [] ] => [],
      [ Hash, { "a" => { b: 1 } } ] => { "a" => { b: 1 } },
      [ Range, 1..2 ] => 1..2
    }.each do |(type, value), expected|
      it "takes #{value.inspect} as #{type}" do
        expect(cast(type, value)).to eq(expected).and be_an_instance_of(expected.class)
      end
    end

    it "takes what forms send for true and false" do
      expect([ true, "true", "1", "on" ].map { |value| cast(:boolean, value) }).to all be true
      expect([ false, "false", "0", "off" ].map { |value| cast(:boolean, value) }).to all be false
    end

    it "gives a plain string for one of a subclass" do
      expect(cast(String, Class.new(String).new("x"))).to be_an_instance_of(String)
    end

    it "reads a time without a zone in the application's" do
      zone = Class.new { def local(*numbers) = Time.new(*numbers, "+05:00") }.new
      time = Class.new(Time) { define_singleton_method(:zone) { zone } }
      stub_const("Time", time)

      expect(cast(::Time.superclass, "2026-02-28T10:20")).to eq time.utc(2026, 2, 28, 5, 20)
    end

    it "has all fields, whatever was given, and takes names that are strings" do
      expect(fields(code: String, count: [ Integer, nil ]).read("code" => "x")).to eq [ { code: "x", count: nil }, {} ]
    end
  end

  describe "errors" do
    {
      [ String, 1 ] => "must be text", [ String, :a ] => "must be text", [ String, [ "a" ] ] => "must be text",
      [ String, { "a" => "b" } ] => "must be text", [ Symbol, "a" ] => "must be a symbol",
      [ Integer, "1.0" ] => "must be a whole number", [ Integer, "0x1f" ] => "must be a whole number",
      [ Integer, "1_000" ] => "must be a whole number", [ Integer, "1\n2" ] => "must be a whole number",
      [ Integer, 1.0 ] => "must be a whole number", [ Integer, true ] => "must be a whole number",
      [ Integer, [ 1 ] ] => "must be a whole number", [ Integer, "9" * 41 ] => "must be a whole number",
      [ Float, "NaN" ] => "must be a number", [ Float, Float::NAN ] => "must be a number",
      [ Float, Float::INFINITY ] => "must be a number", [ Float, "1e400" ] => "must be a number",
      [ Float, 10**400 ] => "must be a number", [ Float, "1,5" ] => "must be a number",
      [ BigDecimal, "1e999999999" ] => "must be a number", [ BigDecimal, "Infinity" ] => "must be a number",
      [ Numeric, 1r ] => "must be a number", [ Numeric, Complex(1, 1) ] => "must be a number",
      [ Date, "2026-02-30" ] => "must be a date, such as 2026-12-31", [ Date, "tomorrow" ] => "must be a date, such as 2026-12-31",
      [ Date, Time.at(0) ] => "must be a date, such as 2026-12-31",
      [ :boolean, "yes" ] => "must be true or false", [ :boolean, 1 ] => "must be true or false",
      [ Array, "a" ] => "must be a list", [ Array, { "0" => "a" } ] => "must be a list",
      [ Hash, [] ] => "must be names and values", [ Range, "1..2" ] => "must be a Range", [ IO, 1 ] => "must be an IO"
    }.each do |(type, value), text|
      it "does not take #{value.inspect[0, 40]} as #{type}" do
        expect(cast(type, value)).to eq [ text ]
      end
    end

    [ "2026-02-30T10:00Z", "2026-02-28T24:00Z", "2026-02-28T10:60Z", "2026-02-28T10:00+99:99", "2026-02-28", "12:00", 0,
      Date.new(2026) ].each do |value|
      it "does not take #{value} as a time" do
        expect([ cast(Time, value), cast(DateTime, value) ]).to all eq [ "must be a date and time, such as 2026-12-31T18:30" ]
      end
    end

    it "says what is missing; a blank string is, but where text is wanted" do
      expect(fields(a: String, b: Integer).read({})).to eq [ {}, { a: [ "is missing" ], b: [ "is missing" ] } ]
      expect([ Integer, Float, Date, Time, :boolean, Array, Symbol, %w[s m], Range ].flat_map { |type| cast(type, " \t") })
        .to all eq "is missing"
      expect(cast(String, nil)).to eq [ "is missing" ]
      expect(cast(:boolean, false)).to be false
    end

    it "says what is no field, and what may have been meant" do
      _, errors = fields(code: [ String, nil ]).read(coed: 1, other: 2, "third" => 3, base: 4)

      expect(errors).to eq(
        coed: [ "is not a field of confirm. Did you mean code?" ], other: [ "is not a field of confirm" ],
        base: [ "third is not a field of confirm", "base is not a field of confirm" ]
      )
    end

    it "has no value for what is wrong" do
      expect(fields(a: Integer, b: Integer).read(a: "x", b: "2").first).to eq(b: 2)
    end
  end

  describe "alternatives" do
    it "takes the first type that fits" do
      expect([ "5", "5.5", "2026-01-01" ].map { |value| cast([ Integer, Float, Date ], value) }).to eq [ 5, 5.5, Date.new(2026) ]
      expect(cast([ Integer, :boolean ], "x")).to eq [ "must be a whole number or true or false" ]
    end

    it "takes choices as they are, also from a form" do
      expect(%w[s m].map { |value| cast([ "s", "m" ], value) }).to eq %w[s m]
      expect([ "a", :a ].map { |value| cast([ :a, :b ], value) }).to eq %i[a a]
      expect([ "1", 1 ].map { |value| cast([ 1, 2 ], value) }).to eq [ 1, 1 ]
      expect([ "1", "on", true ].map { |value| cast([ true ], value) }).to all be true
      expect(cast([ Date.new(2026) ], "2026-01-01")).to eq Date.new(2026)
      expect(cast([ "", "s" ], "")).to eq ""
    end

    it "says which there are" do
      expect(cast(%w[s m l], "xl")).to eq [ "must be s, m or l" ]
      expect(cast(%w[s], :s)).to eq [ "must be s" ]
      expect(cast([ true ], "0")).to eq [ "must be true" ]
      expect(cast([ 1, 2 ], "3")).to eq [ "must be 1 or 2" ]
      expect(cast([ :auto, Integer ], "no")).to eq [ "must be auto or a whole number" ]
    end

    it "is optional with nil among them" do
      expect([ nil, "", "  " ].map { |value| cast([ Integer, nil ], value) }).to all be_nil
      expect([ nil, "" ].map { |value| cast([ "s", nil ], value) }).to all be_nil
      expect([ nil, "" ].map { |value| cast([ String, nil ], value) }).to eq [ nil, "" ]
      expect(cast([ Integer, nil ], "x")).to eq [ "must be a whole number" ]
    end
  end

  describe "what is hostile" do
    let(:types) { [ String, Symbol, Integer, Float, Numeric, BigDecimal, Date, Time, DateTime, Array, Hash, :boolean, Range, [ "s" ], [ :s ], [ 1, nil ] ] }

    it "gives errors for strings that are no text, whatever the type" do
      [ "\xff", "\xff".b, "a\0b", "\0", "\x00\xd8".dup.force_encoding("UTF-16LE"), "\xff" * 100_000 ].each do |value|
        expect(types.map { |type| cast(type, value) }).to all match [ a_string_starting_with("must be") ]
      end
    end

    it "gives errors for what is too long" do
      expect(types.map { |type| cast(type, "1" * ((1 << 20) + 1)) }).to all eq [ "is too long" ]
      expect(cast(Integer, "1" * (1 << 20))).to eq [ "must be a whole number" ]
    end

    it "gives errors for lists and hashes that the log cannot take" do
      deep = 200.times.inject([]) { |list, _| [ list ] }
      round = [].tap { |list| list << list }

      [ [ "\xff" ], [ "a\0" ], [ { "a" => [ "\0" ] } ], [ { "a\0" => 1 } ], [ Object.new ], [ Float::NAN ], deep, round, [ "x" * (1 << 20) ] ].each do |value|
        expect(cast(Array, value)).to eq [ "must be a list" ]
      end
      [ { "_aj_globalid" => "gid://x/Y/1" }, { 1 => 2 }, { "a" => "\xff" } ].each do |value|
        expect(cast(Hash, value)).to eq [ "must be names and values" ]
      end
    end

    it "takes lists as deep as the log does, beside other fields" do
      nested = ->(depth) { depth.times.inject([]) { |list, _| [ list ] } }
      taken = (90..105).select { |depth| cast(Array, nested.(depth)) == nested.(depth) }

      expect(taken).not_to be_empty
      expect { Workflow::Serializer.dump([ { tags: nested.(taken.last) } ], "it") }.not_to raise_error
      expect { Workflow::Serializer.dump([ { tags: nested.(taken.last + 1) } ], "it") }.to raise_error(Workflow::NotSerializable)
    end

    it "makes no symbol of what comes" do
      names = Array.new(3) { |index| "never_seen_#{index}_#{rand(1 << 64)}" }
      fields(a: Symbol, b: [ :x ]).read("a" => names[0], "b" => names[1], names[2] => 1)

      expect(Symbol.all_symbols.map(&:name)).not_to include(*names)
    end

    it "takes any key, and says little of many" do
      keys = [ "\xff", "a\0b", "x" * 100_000, :"x y", "a".encode("UTF-16LE"), 1, nil, [], Object.new ]
      keys.each do |key|
        _, errors = fields(a: [ String, nil ]).read(key => 1)
        expect(errors).to eq(base: [ "What was given is not a field of confirm" ]).or eq(base: [ "a is not a field of confirm" ])
      end
      many = (1..10_000).to_h { |index| [ :"x#{index}", 1 ] }
      expect(fields(a: [ String, nil ]).read(many).last).to include(base: [ "9995 more are not fields of confirm" ]).and have_attributes(size: 6)
    end

    it "takes objects that know nothing" do
      types.each { |type| expect(cast(type, BasicObject.new)).to match [ a_string_starting_with("must be") ] }
    end
  end

  describe "declarations" do
    {
      { it: :string } => "the field it: :string is no type. Did you mean String?",
      { it: :bool } => "the field it: :bool is no type. Did you mean :boolean?",
      { it: :integr } => "Did you mean Integer?",
      { it: TrueClass } => "Did you mean :boolean?",
      { it: nil } => "Did you mean [ String, nil ]?",
      { it: "s" } => "A choice is written [ \"s\" ].",
      { it: [] } => "the field it: [] is no type.",
      { it: [ nil ] } => "the field it: [nil] is no type.",
      { it: [ 1..5 ] } => "the field it: 1..5 is no type. Types are String, Symbol, Integer",
      { it: [ [ Integer ] ] } => "the field it: [Integer] is no type.",
      { it: Comparable } => "Comparable is no type.",
      { "it" => String } => "fields: \"it\" cannot be the name of a field. Write a keyword, such as it:.",
      { "Full name" => String } => "such as full_name:.",
      { 1 => String } => "such as code:.",
      { "a b": String } => "such as a_b:.",
      { it?: String } => "cannot be the name of a field",
      { base: String } => "base: is reserved",
      { errors: String } => "errors: is reserved (for what forms ask of their object)",
      { to_model: String } => "to_model: is reserved",
      { _aj_globalid: String } => "_aj_globalid: is reserved",
      {} => "fields: must be names and their types, such as { code: String }, not {}.",
      [ :code ] => "not [:code].",
      nil => "not nil."
    }.each do |types, text|
      it "refuses #{types.inspect}" do
        expect { described_class.new(types, what) }
          .to raise_error(Workflow::DefinitionError) { |error| expect(error.message).to start_with(what).and include(text) }
      end
    end

    it "knows its names, and is frozen" do
      expect(fields(a: String, b: Integer)).to have_attributes(names: %i[a b]).and be_frozen
    end
  end
end
