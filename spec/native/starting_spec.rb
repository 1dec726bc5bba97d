# frozen_string_literal: true

require_relative "native_helper"

RSpec.describe "A start that can be repeated" do
  include NativeHelper

  let(:definition) { define(await: :confirm) }

  def begin_run(engine, key, id: nil, token: nil, hand: nil, of: definition)
    engine.start(hand, of, "subject", key, nil, nil, "spec", nil, id, token)
  end

  it "has the id that was reserved for it" do
    engine = open_engine
    id = engine.reserve
    expect(id).to match(/\A[0-9a-z]{13}\z/)
    expect(engine.find(id)).to be_nil
    status, snapshot, events, work = begin_run(engine, "Spec/1#workflow", id: id)
    expect([ status, snapshot[:id], work ]).to eq([ :started, id, nil ])
    expect(events.map { |event| event[1] }.uniq).to eq([ id ])
    expect(engine.current("Spec/1#workflow")[:id]).to eq(id)
  end

  it "tells of the run of that id, open or not" do
    engine = open_engine
    id = engine.reserve
    begin_run(engine, "Spec/1#workflow", id: id)
    expect(begin_run(engine, "Spec/1#workflow", id: id)).to eq([ :existing, engine.find(id), [], nil ])
    engine.cancel(id, definition, nil, "spec")
    status, snapshot = begin_run(engine, "Spec/1#workflow", id: id, hand: engine.hand)
    expect([ status, snapshot[:id], snapshot[:state] ]).to eq([ :existing, id, :cancelled ])
    expect(engine.list("Spec/", nil, 10).map { |run| run[:id] }).to eq([ id ])
  end

  it "fails with the id of another subject's run, which two starts were given" do
    engine = open_engine
    _, snapshot = begin_run(engine, "Spec/1#workflow")
    id = snapshot[:id]
    expect { begin_run(engine, "Spec/2#workflow", id: id, hand: engine.hand) }.to raise_error(Workflow::StoreError, /the id #{id} was given to two starts.*-shared/)
    expect(engine.list("Spec/", nil, 10)).to eq([ snapshot ])
    expect(engine.in_hand).to eq(0)
  end

  it "begins one run with a token, which shows it" do
    engine = open_engine
    _, snapshot = begin_run(engine, "Spec/1#workflow", token: "order-1")
    expect(snapshot[:token]).to eq("order-1")
    expect(begin_run(engine, "Spec/2#workflow", token: "order-1")).to eq([ :existing, snapshot, [], nil ])
    expect(engine.keyed("Spec", "order-1")).to eq(snapshot)
    expect(engine.keyed("Other", "order-1")).to be_nil
    engine.cancel(snapshot[:id], definition, nil, "spec")
    expect(begin_run(engine, "Spec/1#workflow", token: "order-1").first).to eq(:existing)
    expect(begin_run(engine, "Spec/1#workflow", token: "order-2").first).to eq(:started)
    expect(begin_run(engine, "Spec/1#workflow", token: "order-1", of: define("Other", await: :confirm)).first).to eq(:started)
  end

  it "has no token where none was given" do
    engine = open_engine
    _, snapshot = start(engine, definition)
    expect(snapshot.fetch(:token)).to be_nil
  end

  it "survives the process" do
    engine = open_engine
    id = engine.reserve
    begin_run(engine, "Spec/1#workflow", id: id, token: "a")
    engine.stop(1_000)
    engine = open_engine
    expect(engine.keyed("Spec", "a")[:id]).to eq(id)
    expect(begin_run(engine, "Spec/1#workflow", id: id).first).to eq(:existing)
  end

  it "refuses what is no id, and no token" do
    engine = open_engine
    expect { begin_run(engine, "k", id: "nonsense") }.to raise_error(ArgumentError, /"nonsense" is not a run's id/)
    expect { begin_run(engine, "k", id: 7) }.to raise_error(TypeError)
    expect { begin_run(engine, "k", token: "") }.to raise_error(ArgumentError, /empty token/)
    expect { begin_run(engine, "k", token: "x" * 201) }.to raise_error(Workflow::PayloadTooLarge, /a token of 201 bytes/)
    expect { engine.keyed("Spec", "") }.to raise_error(ArgumentError)
    expect { engine.keyed("Spec", nil) }.to raise_error(TypeError)
    expect(begin_run(engine, "k", token: "x" * 200).first).to eq(:started)
    expect(engine.in_hand).to eq(0)
  end
end
