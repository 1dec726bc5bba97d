# frozen_string_literal: true

require "active_support/all" # what Active Job expects of an application
require "active_job"

RSpec.describe Workflow::Serializer do
  values = [
    nil, true, false, 5, 2**70, 1.5, "text", "ümläut", :symbol, [ 1, [ :two ] ], {}, { a: 1, "b" => { c: [ :d ] } },
    BigDecimal("1.10"), Date.new(2026, 1, 2), Time.at(1_700_000_000, 123_456_789, :nsec), Time.new(2026, 1, 2, 3, 4, 5, "+02:00"),
    DateTime.new(2026, 1, 2, 3, 4, 5), 1..5, ("a"..."c"), (1..), String, Comparable,
    ActiveSupport::HashWithIndifferentAccess.new(a: { b: 1 }), Hash.ruby2_keywords_hash({ a: 1 })
  ]

  values.each do |value|
    it "writes #{value.inspect} as Active Job does, and either reads the other's" do
      ours = JSON.parse(JSON.generate(Workflow::BasicArguments.serialize([ value ])))
      theirs = JSON.parse(JSON.generate(ActiveJob::Arguments.serialize([ value ])))

      expect(ours).to eq theirs
      expect(Workflow::BasicArguments.deserialize(theirs)).to eq [ value ]
      expect(ActiveJob::Arguments.deserialize(ours)).to eq [ value ]
      expect(Workflow::BasicArguments.deserialize(ours).first.class).to eq value.class
    end
  end

  it "is Active Job's own when that is loaded, with its further types" do
    require "active_support/core_ext/integer/time"

    expect(described_class.load(described_class.dump([ 3.days ], "it"))).to eq [ 3.days ]
  end

  [ "with Active Job", "without Active Job" ].each do |title|
    context title do
      before { hide_const("ActiveJob::Arguments") if title.start_with?("without") }

      it "keeps what it is given" do
        expect(described_class.load(described_class.dump([ 1, { a: :b } ], "it"))).to eq [ 1, { a: :b } ]
        expect(described_class.load(nil)).to eq []
      end

      it "reads one of the values without the others" do
        bytes = JSON.generate([ { "_aj_globalid" => "nothing" }, 1, { "_aj_serialized" => "ActiveJob::Serializers::SymbolSerializer", "value" => "b" } ])

        expect([ 1, 2, 3 ].map { |index| described_class.load_at(index, bytes) }).to eq [ 1, :b, nil ]
        expect(described_class.load_at(0, nil)).to be_nil
      end

      it "says what cannot be written" do
        [ Object.new, { 5 => 1 }, { "_aj_globalid" => 1 }, Float::NAN, "\xff", Class.new, -> { } ].each do |value|
          expect { described_class.dump([ value ], "the input of activate") }
            .to raise_error(Workflow::NotSerializable, /\Athe input of activate cannot be written to the log: .+ Hand over/)
        end
      end

      it "says how much is too much" do
        expect { described_class.dump([ "x" * (1 << 20) ], "the input of activate") }
          .to raise_error(Workflow::PayloadTooLarge, /the input of activate takes 1048580 bytes; the log takes at most 1048576/)
      end
    end
  end

  it "says what needs Active Job to be read" do
    expect { Workflow::BasicArguments.deserialize([ { "_aj_serialized" => "ActiveJob::Serializers::DurationSerializer" } ]) }
      .to raise_error(TypeError, /needs Active Job/)
  end
end
