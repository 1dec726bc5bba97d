# frozen_string_literal: true

require_relative "native_helper"

RSpec.describe "Attempts in the native API" do
  include NativeHelper

  let(:engine) { open_engine }
  let(:one) { define(later: :send) }
  let(:hand) { engine.hand }

  # One step in the hand, and its run.
  def take
    _, snapshot, = start(engine, one)
    engine.work(1, "worker:spec")
    hand.take(20_000)
    snapshot[:id]
  end

  def step_of(run_id) = engine.find(run_id)[:steps].first

  it "refuse what makes no sense" do
    expect { hand.enter }.to raise_error(ArgumentError, /holds nothing/)
    expect { hand.begin(one) }.to raise_error(ArgumentError, /holds nothing/)
    expect { hand.tell(:noted, "a", nil) }.to raise_error(ArgumentError, /holds nothing/)
    expect(hand.check).to eq :lost
    take
    expect { hand.enter(0) }.to raise_error(ArgumentError, /a timeout is from 1/)
    expect { hand.enter(-5, one) }.to raise_error(ArgumentError, /a timeout is from 1/)
    expect { hand.enter(10**18, one) }.to raise_error(ArgumentError, /a timeout is from 1/)
    expect { hand.enter("soon", one) }.to raise_error(TypeError)
    expect { hand.enter(5, "definition") }.to raise_error(TypeError)
    expect { hand.enter(1, one, nil, false, 5) }.to raise_error(ArgumentError, /wrong number/)
    expect { hand.tell(:step_completed, nil, "") }.to raise_error(ArgumentError, /:progressed or :noted/)
    expect { hand.tell("noted", nil, "") }.to raise_error(TypeError)
    expect { hand.tell(:noted, 5, "") }.to raise_error(TypeError)
    expect { hand.tell(:noted, "a" * 201, "") }.to raise_error(Workflow::PayloadTooLarge, /201 bytes: at most 200/)
    expect { hand.tell(:progressed, nil, "a" * 4097) }.to raise_error(Workflow::PayloadTooLarge, /4097 bytes: at most 4096/)
    expect { hand.tell(:noted, "a", "a" * ((1 << 20) + 1)) }.to raise_error(Workflow::PayloadTooLarge)
    expect(hand.tell(:progressed, nil, "a" * 4096)).to eq :ok
    expect(hand.check).to be_nil
  end

  it "begin no await, and nothing but a step's own method" do
    _, snapshot, = start(engine, define(await: :confirm))
    hand.submit(snapshot[:id], "confirm", "spec", 0)

    expect { hand.begin(one) }.to raise_error(ArgumentError, /only a step is begun/)
    expect(hand.tell(:noted, "looked", "facts")).to eq :ok
    expect(kinds(engine, snapshot[:id])).to eq %i[run_started input_requested noted]
    hand.accept(one, nil)
  end

  it "are on disk once flush says so, though nobody waited for their end" do
    run_id = take
    blocking_commits do
      hand.complete(one, nil, false)
      expect(engine.flush(50)).to be false
    end

    expect(engine.flush(20_000)).to be true
    expect(kinds(engine, run_id)).to include :run_done
    expect { engine.flush(nil) }.to raise_error TypeError
    engine.stop(1_000)
    expect { engine.flush(0) }.to raise_error Workflow::StoreError
  end

  it "hear on a stopped engine that they are to end" do
    take
    engine.stop(0)

    expect(hand.check).to eq :stopping
  end

  [ :raise, :kill ].each do |how|
    it "give back the step when their thread is hit by #{how} while it tells" do
      run_id = take
      hand.enter
      blocking_commits do
        thread = Thread.new { hand.tell(:noted, "x", nil) }
        thread.report_on_exception = false
        wait_asleep(thread)
        how == :raise ? thread.raise(IOError) : thread.kill
        begin
          join(thread)
        rescue IOError
          nil
        end
        expect(hand.held?).to be false
      end

      wait_until("nothing is in hand") { engine.in_hand <= 1 } # the worker has claimed it again
      wait_for_log(engine, "it is ready again") { step_of(run_id)[:attempts] == 2 }
      expect(reasons(engine, run_id)).to include("interrupted")
      expect(hand.check).to eq :lost
    end
  end

  it "wait for threads that are written off, and can be interrupted in it" do
    take
    thread = Thread.new { engine.written_off(0, 60_000) }
    wait_asleep(thread)
    hand.enter(1, one)
    expect(join(thread).value).to eq 1
    thread = Thread.new { engine.written_off(1, 60_000) }
    wait_asleep(thread)
    thread.kill
    join(thread)
    thread = Thread.new { engine.written_off(1, 60_000) }
    wait_asleep(thread)
    hand.complete(one, nil, true)
    expect(join(thread).value).to eq 0
    expect(engine.written_off(0, 0)).to eq 0
    engine.quiet
    expect(engine.written_off(0, 60_000)).to be_nil
  end

  it "keep the last thing told beyond the life of the engine" do
    run_id = take
    hand.enter
    2.times { |number| hand.tell(:progressed, nil, "told #{number}\0") }
    engine.stop(0)

    again = open_engine
    expect(again.find(run_id)[:steps].first[:progress]).to eq "told 1\0".b
    again.work(1, "worker:spec")
    other = again.hand
    expect(other.take(20_000)[13]).to eq "told 1\0".b
    expect(other.complete(one, nil, true).first[:state]).to eq :done
  end
end
