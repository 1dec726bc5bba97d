# frozen_string_literal: true

require_relative "native_helper"

RSpec.describe "Nonsense given to the native API" do
  include NativeHelper

  let(:native) { Workflow::Native }
  let(:engine) { open_engine }
  let(:definition) { define(later: :send) }
  let(:waiting) { define(await: :activate) }
  let(:hand) { engine.hand }

  junk = [ nil, 1, -1, 1.5, :symbol, "text", [], {}, Object.new, 2**70, "a\0b", "\xFF\xFE".b, "\xFF".dup.force_encoding("UTF-8") ]

  # Every native method that takes arguments, with sensible ones.
  def sensible_calls
    id = start(engine, waiting)[1][:id]
    {
      [ engine, :start ] => [ hand, definition, "subject", "key", "args", :later, "spec", %w[plan pro] ],
      [ engine, :later ] => [ id, "send" ],
      [ engine, :retry ] => [ id, definition, nil, "spec" ],
      [ engine, :find ] => [ id ],
      [ engine, :current ] => [ "key" ],
      [ engine, :list ] => [ "key", nil, 10 ],
      [ engine, :search ] => [ { class_name: "Spec", states: [ :waiting ] }, nil, 10 ],
      [ engine, :count ] => [ { class_name: "Spec", tags: %w[plan pro] }, nil ],
      [ engine, :ids ] => [ { steps: [ "send" ] }, [ "key#" ] ],
      [ engine, :fetch ] => [ [ id ] ],
      [ engine, :currents ] => [ [ "key" ] ],
      [ engine, :events ] => [ id, 0, 10 ],
      [ engine, :log ] => [ 0, 10 ],
      [ engine, :wait_log ] => [ 0, 1 ],
      [ engine, :work ] => [ 0, "spec" ],
      [ engine, :travel ] => [ 0 ],
      [ hand, :take ] => [ 0 ],
      [ hand, :complete ] => [ definition, "result", true ],
      [ hand, :fail ] => [ definition, "Error", "message", "here", false, 1, nil, true ],
      [ hand, :submit ] => [ id, "send", "spec", 0 ],
      [ hand, :accept ] => [ definition, "input" ],
      [ hand, :reject ] => [ nil, "why" ],
      [ hand, :now ] => [ id, "send", "spec" ]
    }
  end

  # What Ruby may raise, and what the core may; anything else, and a crash above all, fails the spec.
  def attempt
    yield
  rescue ArgumentError, TypeError, RangeError, EncodingError, FloatDomainError, Workflow::Error => error
    error
  end

  it "raises or is harmless in every place of every method, and nothing stays in hand" do
    engine.work(0, "spec")
    tried = 0
    sensible_calls.each do |(receiver, method), arguments|
      arguments.each_index do |place|
        junk.each do |value|
          attempt { receiver.public_send(method, *arguments.dup.tap { |given| given[place] = value }) }
          hand.give_back
          engine.travel(0)
          tried += 1
        end
      end
      expect { receiver.public_send(method) }.to raise_error(ArgumentError)
    end
    expect(tried).to be > 500
    engine.work(0, "spec")
    wait_until("nothing is in hand") do
      hand.take(0) # one of the calls above had it claim
      hand.give_back
      engine.in_hand.zero?
    end
    expect(start(engine, definition).first).to eq(:started)
    expect(engine.stop(5_000)).to be(true)
  end

  it "in a filter, or among tags, is refused or finds nothing" do
    start(engine, waiting)
    junk.each do |value|
      %i[class_name subject name states tags steps unknown].each do |part|
        [ value, [ value ], [ value, value ] ].each do |given|
          attempt { engine.search({ class_name: "Spec" }.merge(part => given), nil, 10) }
          attempt { engine.count({ part => given }, nil) }
        end
      end
      attempt { engine.start(nil, definition, "", "key#{value.class}", nil, nil, "", [ value, value ]) }
      attempt { engine.fetch([ value ]) && engine.currents([ value ]) && engine.ids({}, [ value ]) }
    end
    expect(engine.search({ class_name: "Spec", states: [ :waiting ] }, nil, 10).first.size).to eq(1)
  end

  it "of a wrong kind in a filter says so" do
    aggregate_failures do
      expect { engine.search([], nil, 1) }.to raise_error(TypeError)
      expect { engine.search({}, nil, 0) }.to raise_error(ArgumentError, /at least 1/)
      expect { engine.search({}, "short", 1) }.to raise_error(ArgumentError, /not a run's id/)
      expect { engine.search({ states: [ :asleep ] }, nil, 1) }.to raise_error(ArgumentError, /:asleep is not a state/)
      expect { engine.search({ states: [] }, nil, 1) }.to raise_error(ArgumentError, /nil means any/)
      expect { engine.search({ tags: %w[plan pro] }, nil, 1) }.to raise_error(ArgumentError, /those of a class/)
      expect { engine.search({ class_name: "Spec", tags: %w[plan] }, nil, 1) }.to raise_error(ArgumentError, /each with a value/)
      expect { engine.currents([ nil ] * 100_001) }.to raise_error(ArgumentError, /at most 100000 at once/)
      expect { engine.start(nil, definition, "", "", nil, nil, "", [ "", "x" ]) }.to raise_error(ArgumentError, /a tag has a name/)
      expect { engine.start(nil, definition, "", "", nil, nil, "", [ "n", "x" * 201 ]) }.to raise_error(Workflow::PayloadTooLarge, /value of 201 bytes/)
      expect { engine.start(nil, definition, "", "", nil, nil, "", %w[n x] * 21) }.to raise_error(ArgumentError, /at most 20/)
      expect { engine.start(nil, definition, "", "", nil, nil, "", %w[n x n y]) }.to raise_error(ArgumentError, /twice/)
    end
  end

  it "of a wrong type says so" do
    id = start(engine, definition)[1][:id]
    aggregate_failures do
      expect { engine.find(:id) }.to raise_error(TypeError)
      expect { engine.find("short") }.not_to raise_error
      expect { engine.events(id, "one", 1) }.to raise_error(TypeError)
      expect { engine.events(id, 0, -1) }.to raise_error(ArgumentError, /limit/)
      expect { engine.list("", "short", 1) }.to raise_error(ArgumentError, /not a run's id/)
      expect { engine.log(0, -1) }.to raise_error(ArgumentError, /limit/)
      expect { engine.log(0, 2**40) }.to raise_error(RangeError)
      expect { engine.work(-1, "spec") }.to raise_error(ArgumentError, /threads/)
      expect { engine.work(100_000, "spec") }.to raise_error(ArgumentError, /threads/)
      expect { engine.travel(2**62) }.to raise_error(ArgumentError, /years/)
      expect { engine.stop("soon") }.to raise_error(TypeError)
      expect { engine.start(nil, nil, "", "", nil, nil, "") }.to raise_error(ArgumentError, /definition/)
      expect { engine.start(nil, Object.new, "", "", nil, nil, "") }.to raise_error(TypeError)
      expect { engine.start(nil, definition, :subject, "", nil, nil, "") }.to raise_error(TypeError)
      expect { engine.start(nil, definition, "", "", nil, :never, "") }.to raise_error(ArgumentError, /place/)
      expect { engine.start(nil, definition, "", "", nil, "now", "") }.to raise_error(TypeError)
      expect { engine.start(Object.new, definition, "", "", nil, nil, "") }.to raise_error(TypeError)
      expect { native::Hand.new }.to raise_error(TypeError)
      expect { native::Hand.allocate }.to raise_error(TypeError)
      expect { hand.dup }.to raise_error(TypeError)
    end
  end

  it "as waits: a negative one is none, and an endless one is no overflow" do
    engine.work(1, "spec")
    expect(elapsed { expect(hand.take(-5)).to be_nil }).to be < 0.5
    expect(engine.wait_log(engine.last_position, -5)).to be(false)
    id = start(engine, definition)[1][:id]
    expect(hand.take((2**63) - 1).first).to eq(id)
    expect { hand.take(2**63) }.to raise_error(RangeError)
    hand.give_back
  end

  it "of a hand that holds nothing, or something already, is refused" do
    id = start(engine, waiting)[1][:id]
    [ -> { hand.enter }, -> { hand.complete(definition, nil, true) }, -> { hand.accept(definition, nil) },
      -> { hand.reject(nil, nil) }, -> { hand.fail(definition, "E", "", "", true, nil, nil, false) } ].each do |call|
      expect(&call).to raise_error(ArgumentError, /holds nothing/)
    end
    expect(hand.submit(id, "activate", "spec", 0).first).to eq(:claimed)
    [ -> { hand.take(0) }, -> { hand.submit(id, "activate", "spec", 0) }, -> { hand.now(id, "activate", "spec") },
      -> { start(engine, definition, hand: hand) } ].each do |call|
      expect(&call).to raise_error(ArgumentError, /holds a step already/)
    end
    hand.give_back
    hand.give_back
    expect(hand.held?).to be(false)
  end

  it "such as a step's end for an await, and an await's for a step, is refused and leaves both as they were" do
    engine.work(1, "spec")
    step_id = start(engine, definition)[1][:id]
    await_id = start(engine, waiting)[1][:id]
    [ -> { hand.accept(definition, "input") }, -> { hand.reject(nil, "why") } ].each do |ending|
      expect(hand.take(5_000).first).to eq(step_id)
      expect(&ending).to raise_error(ArgumentError)
      hand.give_back
    end
    [ -> { hand.complete(waiting, "result", true) }, -> { hand.fail(waiting, "E", "", "", true, nil, nil, true) } ].each do |ending|
      expect(hand.submit(await_id, "activate", "spec", 1_000).first).to eq(:claimed)
      expect(&ending).to raise_error(ArgumentError)
      hand.give_back
    end
    expect(hand.take(5_000).first).to eq(step_id)
    hand.enter
    hand.complete(definition, nil, true)
    hand.submit(await_id, "activate", "spec", 1_000)
    hand.accept(waiting, nil)
    expect([ step_id, await_id ].map { |id| engine.find(id)[:state] }).to eq(%i[done done])
    expect(kinds(engine, step_id).tally).to include(step_completed: 1)
    wait_until("nothing is in hand") { engine.in_hand.zero? }
  end

  it "too large is a PayloadTooLarge, and what is just small enough is kept" do
    mebibyte = "x" * (1 << 20)
    engine.work(1, "spec")
    begun = ->(**given) { engine.start(nil, definition, given[:subject] || "s", given[:key] || "k", given[:args], nil, given[:by] || "spec") }
    aggregate_failures do
      expect { begun.call(args: "#{mebibyte}x") }.to raise_error(Workflow::PayloadTooLarge, /arguments of 1048577 bytes/)
      expect { begun.call(subject: mebibyte) }.to raise_error(Workflow::PayloadTooLarge, /subject/)
      expect { begun.call(key: mebibyte) }.to raise_error(Workflow::PayloadTooLarge, /key/)
      expect { begun.call(by: mebibyte) }.to raise_error(Workflow::PayloadTooLarge, /author/)
    end
    id = begun.call(args: mebibyte)[1][:id]
    expect(engine.find(id)[:args]).to eq(mebibyte)
    expect(hand.take(5_000)[9]).to eq(mebibyte)
    hand.enter
    expect { hand.complete(definition, "#{mebibyte}x", true) }.to raise_error(Workflow::PayloadTooLarge, /result/)
    expect(hand.held?).to be(true)
    hand.complete(definition, mebibyte, true)
    expect(events(engine, id).filter_map(&:last)).to eq([ mebibyte ])
    await_id = start(engine, waiting)[1][:id]
    hand.submit(await_id, "activate", "spec", 0)
    expect { hand.accept(waiting, "#{mebibyte}x") }.to raise_error(Workflow::PayloadTooLarge, /input/)
    hand.accept(waiting, mebibyte)
  end

  it "as an error's text is cut, and as a reason too" do
    engine.work(1, "spec")
    id = start(engine, definition)[1][:id]
    hand.take(5_000)
    hand.enter
    hand.fail(definition, "E" * 1_000_000, "é" * 1_000_000, "\xFF\0" * 500_000, true, nil, nil, true)
    expect(engine.find(id)[:state]).to eq(:failed)
    expect(events(engine, id).sum { |event| event.compact.grep(String).sum(&:bytesize) }).to be < 300_000
  end

  it "of bytes is kept as it is: NUL, invalid UTF-8, frozen, other encodings" do
    engine.work(1, "spec")
    strings = [ "a\0b", "\xFF\xFE\0".b, "\xFF".dup.force_encoding("UTF-8").freeze, "é".encode("UTF-16LE"), "", "é".encode("ISO-8859-1") ]
    strings.each_with_index do |string, index|
      key = "Bytes/#{index}/#{string.b.dup.force_encoding("UTF-8")}"
      id = engine.start(nil, definition, string, key, string, nil, "spec")[1][:id]
      snapshot = engine.current(key)
      expect(snapshot[:id]).to eq(id)
      expect([ snapshot[:subject], snapshot[:args].to_s ]).to eq([ string.b, string.b ])
      expect(snapshot[:key].b).to eq(key.b)
      work = hand.take(5_000)
      expect(work[3]).to eq(string.b)
      hand.enter
      hand.complete(definition, string, true)
      expect(events(engine, id).filter_map(&:last)).to eq(string.empty? ? [] : [ string.b ])
    end
  end

  describe "as a definition" do
    def step(name = "send", kind = :later, **given) = { name: name, kind: kind, deps: [] }.merge(given)
    def build(*steps, class_name: "Spec", name: "workflow") = native::Definition.new(class_name, name, false, steps)

    it "is refused where it is made" do
      aggregate_failures do
        expect { build }.to raise_error(ArgumentError, /from 1 to 200/)
        expect { build(*Array.new(201) { |i| step("s#{i}") }) }.to raise_error(ArgumentError, /from 1 to 200/)
        expect { native::Definition.new("Spec", "workflow", false, nil) }.to raise_error(TypeError)
        expect { build("step") }.to raise_error(TypeError)
        expect { build({}) }.to raise_error(TypeError)
        expect { build(step(:send)) }.to raise_error(TypeError)
        expect { build(step(nil)) }.to raise_error(ArgumentError, /empty/)
        expect { build(step("")) }.to raise_error(ArgumentError, /empty/)
        expect { build(step("a\0b")) }.to raise_error(ArgumentError, /NUL/)
        expect { build(step("\xFF")) }.to raise_error(ArgumentError, /UTF-8/)
        expect { build(step("x" * 201)) }.to raise_error(Workflow::PayloadTooLarge, /name/)
        expect { build(step, class_name: "") }.to raise_error(ArgumentError, /class/)
        expect { build(step, class_name: nil) }.to raise_error(ArgumentError, /class/)
        expect { build(step, name: "\xFF") }.to raise_error(ArgumentError, /workflow/)
        expect { build(step("a", :never)) }.to raise_error(ArgumentError, /kind/)
        expect { build(step("a", "now")) }.to raise_error(TypeError)
        expect { build(step("a", nil)) }.to raise_error(ArgumentError, /kind/)
        expect { build(step("a", place: :there)) }.to raise_error(ArgumentError, /place/)
        expect { build(step("a", retries: -1)) }.to raise_error(ArgumentError, /retries/)
        expect { build(step("a", retries: 2**40)) }.to raise_error(ArgumentError, /retries/)
        expect { build(step("a", retries: "5")) }.to raise_error(TypeError)
        expect { build(step("a", backoff: -1)) }.to raise_error(ArgumentError, /backoff/)
        expect { build(step("a", :await, expires_ms: -1)) }.to raise_error(ArgumentError, /expires_ms/)
        expect { build(step("a", deps: nil)) }.to raise_error(TypeError)
        expect { build(step("a", deps: [ 1 ])) }.to raise_error(ArgumentError)
        expect { build(step("a"), step("b", deps: [ 2 ])) }.to raise_error(ArgumentError, /depends on step 2/)
        expect { build(step("a"), step("b", deps: [ -1 ])) }.to raise_error(ArgumentError, /depends on step -1/)
        expect { build(step("a"), step("b", deps: [ "a" ])) }.to raise_error(TypeError)
        expect { build(step("a"), step("b", deps: [ 0, 0 ]), step("c")) }.to raise_error(ArgumentError, /twice/)
        expect { build(step("a"), step("a")) }.to raise_error(ArgumentError, /one name/)
      end
    end

    it "that depends on itself, directly or in a circle, is refused" do
      expect { build(step("a", deps: [ 0 ]), step("b")) }.to raise_error(ArgumentError, /circle/)
      circle = [ step("a", deps: [ 2 ]), step("b", deps: [ 0 ]), step("c", deps: [ 1 ]), step("d") ]
      expect { build(*circle) }.to raise_error(ArgumentError, /circle/)
    end

    it "that is changed or copied is refused, and an empty copy is of no use" do
      expect { definition.send(:initialize, "Spec", "workflow", false, [ step ]) }.to raise_error(ArgumentError, /change/)
      empty = native::Definition.allocate
      expect { engine.start(nil, empty, "s", "k", nil, nil, "spec") }.to raise_error(ArgumentError, /definition/)
    end

    it "of 200 steps, each after all before it, runs" do
      steps = Array.new(200) { |i| step("s#{i}", :now, deps: (0...i).to_a) }
      definition = build(*steps)
      *, work = start(engine, definition, hand: hand)
      while work
        hand.enter
        snapshot, _, work = hand.complete(definition, nil, true)
      end
      expect(snapshot[:state]).to eq(:done)
      expect(engine.log(0, 1_000).map { |event| event[0] }.uniq.size).to eq(events(engine, snapshot[:id]).size)
    end
  end
end
