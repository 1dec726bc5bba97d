# frozen_string_literal: true

RSpec.describe Workflow::Dsl do
  # Declares a workflow in a new class, and returns the error.
  def error_of(name = nil, **options, &block)
    Class.new { include Workflow }.workflow(name, **options, &block)
    nil
  rescue Workflow::DefinitionError => error
    error
  end

  def here(offset = 0) = "#{__FILE__}:#{caller_locations(1, 1).first.lineno + offset}"

  it "reads steps in the order written, each after the one above" do
    definition = Class.new { include Workflow }.workflow do
      now :create
      later :send, retries: 5
      await :activate, expires_in: 3, otherwise: :expire
    end

    expect(definition.steps.map { |step| [ step.kind, step.name ] }).to eq [ [ :now, :create ], [ :later, :send ], [ :await, :activate ] ]
    expect(definition.dependencies).to eq [ [], [ 0 ], [ 1 ] ]
    expect(definition.step(:send).options).to eq(retries: 5)
    expect(definition.location).to eq here(-9)
  end

  it "returns what cannot be changed any more" do
    definition = Class.new { include Workflow }.workflow { now :create }

    expect([ definition, definition.steps, definition.step(:create), definition.step(:create).options ]).to all(be_frozen)
  end

  it "refuses two steps of one name, and says where both are" do
    error = error_of do
      now :create
      later :create
    end

    expect(error.message).to start_with(here(-3)).and include("create", here(-4), "another name")
  end

  it "suggests the word that was meant" do
    expect(error_of { laetr :charge }.message).to include("#{__FILE__}:", "no word laetr", "Did you mean later?")
    expect(error_of { charge }.message).to include("no word charge", "now, later, await")
  end

  it "does not take the block's own errors for misspelt words" do
    expect { error_of { now :create, retry_on: Net::Nonsense } }.to raise_error(NameError, /Net/)
    expect { error_of { nil.nonsense } }.to raise_error(NoMethodError, /nonsense/)
  end

  it "suggests the option that was meant" do
    expect(error_of { later :charge, retires: 5 }.message).to start_with(here).and include("later :charge", "retires:", "Did you mean retries?")
  end

  it "refuses options that are known, but not built yet" do
    expect(error_of { later :charge, undo: :refund }.message).to include("later :charge", "undo:", "not built yet")
    expect(error_of(keep: 90) { later :charge }.message).to include("keep:", "not built yet")
    expect(error_of { await :confirm, undo: :doubt }.message).to include("await :confirm", "undo:", "not built yet")
  end

  # The steps of a workflow and the names of those that each comes after.
  def graph(&block)
    definition = Class.new { include Workflow }.workflow(&block)
    names = definition.steps.map(&:name)
    names.zip(definition.dependencies.map { |before| before.map { |index| names[index] } }).to_h
  end

  it "puts the steps of together side by side, and what follows after all of them" do
    expect(graph { now :a; together { later :b; now :c; await :d }; later :e; later :f })
      .to eq(a: [], b: [ :a ], c: [ :a ], d: [ :a ], e: [ :b, :c, :d ], f: [ :e ])
    expect(graph { together { later :a; later :b }; together { later :c; later :d } })
      .to eq(a: [], b: [], c: [ :a, :b ], d: [ :a, :b ])
  end

  it "flattens a together in a together" do
    expect(graph { now :a; together { later :b; together { later :c; later :d }; later :e }; later :f })
      .to eq(a: [], b: [ :a ], c: [ :a ], d: [ :a ], e: [ :a ], f: [ :b, :c, :d, :e ])
  end

  it "numbers eithers, alone or as a branch of together" do
    definition = Class.new { include Workflow }.workflow do
      either { await :a; await :b }
      together { later :c; either { await :d; await :e } }
      later :f
    end

    expect(definition.steps.map(&:either)).to eq [ 1, 1, nil, 2, 2, nil ]
    expect(definition.dependencies).to eq [ [], [], [ 0, 1 ], [ 0, 1 ], [ 0, 1 ], [ 2, 3, 4 ] ]
  end

  it "lets after: replace the one above" do
    expect(graph { now :a; later :b; later :c, after: :a; later :d, after: [ :b, :c ]; later :e, after: []; later :f })
      .to eq(a: [], b: [ :a ], c: [ :a ], d: [ :b, :c ], e: [], f: [ :e ])
    expect(graph { together { later :a; later :b, after: :a }; now :c }).to eq(a: [], b: [ :a ], c: [ :a, :b ])
  end

  it "lets after: name what is written below" do
    expect(graph { later :a, after: :c; later :b, after: []; later :c }).to eq(a: [ :c ], b: [], c: [ :b ])
  end

  it "refuses blocks that say nothing" do
    expect(error_of { now :a; together { } }.message).to start_with(here).and include("together has no steps")
    expect(error_of { either { } }.message).to start_with(here).and include("either has no steps")
    expect(error_of { together }.message).to start_with(here).and include("together takes a block")
    expect(error_of { either :a, :b }.message).to start_with(here).and include("either takes a block")
  end

  it "refuses in either what is no await, and an await alone" do
    expect(error_of { either { await :a; later :b } }.message).to start_with(here).and include("awaits only, no later :b")
    expect(error_of { either { together { await :a } } }.message).to start_with(here).and include("no together")
    expect(error_of { either { either { await :a } } }.message).to start_with(here).and include("no other either")
    expect(error_of { either { await :a } }.message).to start_with(here).and include("two awaits or more")
    expect(error_of { either { await :a; await :b, after: :a } }.message).to start_with(here).and include("of the same either")
  end

  it "suggests the block that was meant" do
    expect(error_of { togehter { later :a } }.message).to include("#{__FILE__}:", "Did you mean together?")
    expect(error_of { together { latr :a } }.message).to include("#{__FILE__}:", "Did you mean later?")
  end

  it "refuses an await with retries" do
    expect(error_of { await :confirm, retries: 2 }.message).to include("await :confirm takes no option retries:", "expires_in:, otherwise:")
  end

  it "refuses otherwise without expires_in" do
    expect(error_of { await :confirm, otherwise: :chase }.message).to include("await :confirm", "needs expires_in:")
  end

  it "refuses an empty workflow" do
    expect(error_of(:fulfilment) { nil }.message).to start_with(__FILE__).and include("workflow :fulfilment has no steps")
  end

  it "refuses what is no name of a method" do
    expect(error_of { now 5 }.message).to include("now takes the name of a method", "5")
    expect(error_of { now }.message).to include("not nil")
    expect(error_of { now :"not a name" }.message).to include("not a name")
    expect(error_of { now "create" }).to be_nil
    expect(error_of { later "\xff" }.message).to start_with(here).and include("later takes the name of a method", "not valid text")
  end

  it "refuses several names in one line, and options in braces" do
    expect(error_of { now :a, :b }.message).to start_with(here).and include("now takes one name, not :b behind :a too. Write each on a line of its own.")
    expect(error_of { later :a, { retries: 3 } }.message).to start_with(here).and match(/later takes one name, .* behind :a too\. Write its options without braces\./)
    expect(error_of { await :a, nil }.message).to start_with(here).and include("await takes one name")
  end

  [ "", "a b", "a#b", "a\0b", "\xff", "a" * 5000, :".call", 3, false, [ :a ], { a: 1 } ].each do |name|
    it "refuses #{name.inspect[0, 30]} as the name of a workflow" do
      expect { Class.new { include Workflow }.workflow(name) { now :a } }.to raise_error(Workflow::DefinitionError) do |error|
        expect(error.message).to start_with(here(-1)).and include("workflow takes a name as methods have, of at most 200 bytes")
        expect(error.message.size).to be < 700
      end
    end
  end

  it "takes a string as the name of a workflow, and no options in braces" do
    expect(Class.new { include Workflow }.workflow("fulfilment") { now :a }.name).to eq :fulfilment
    expect { Class.new { include Workflow }.workflow(:a, { unique: true }) { now :a } }
      .to raise_error(Workflow::DefinitionError, /\A#{__FILE__}:#{__LINE__ - 1}: workflow takes one name, .*without braces/)
  end

  {
    retries: [ -1, 1001, 2.5, "3", nil ], backoff: [ :quickly, -1, Float::NAN, 32 * 86_400, "3" ],
    retry_on: [ "Timeout", [], [ 5 ], Object, String, Interrupt, NoMemoryError, SystemExit, [ IOError, SignalException ], Kernel, Class.new ],
    give_up_on: [ nil, :error, BasicObject, Kernel ]
  }.each do |option, values|
    values.each do |value|
      it "refuses #{option}: #{value.inspect}" do
        expect(error_of { later :charge, option => value }.message).to match(/later :charge: #{option}: must be .* not #{Regexp.escape(value.inspect)}/)
      end
    end
  end

  [ 0, -5, Float::INFINITY, 11 * 365 * 86_400, "3 days", nil ].each do |value|
    it "refuses expires_in: #{value.inspect}" do
      expect(error_of { await :confirm, expires_in: value }.message).to include("expires_in: must be a duration", value.inspect)
    end
  end

  it "takes durations of ActiveSupport" do
    require "active_support"
    require "active_support/core_ext/integer/time"

    definition = Class.new { include Workflow }.workflow { await :confirm, expires_in: 3.days, otherwise: :chase }

    expect(definition.step(:confirm).expires_ms).to eq 3 * 86_400_000
  end
end
