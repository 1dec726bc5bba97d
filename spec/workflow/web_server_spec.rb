# frozen_string_literal: true

# With real processes of Puma: puma_spec.rb.
RSpec.describe Workflow::WebServer do
  let(:answered) { Queue.new }

  # What Puma says of itself.
  def puma(&stats) = stub_const("Puma", Module.new { define_singleton_method(:stats_hash, &stats) })

  it "serves at once where there is no Puma, or one without a cluster" do
    hide_const("Puma")
    described_class.await { answered << Thread.current }
    puma { { backlog: 0 } }
    described_class.await { answered << Thread.current }

    expect([ answered.pop, answered.pop ].uniq).to eq [ Thread.current ]
  end

  it "serves nothing in a cluster's master" do
    puma { { workers: 0 } }
    described_class.await { answered << true }

    expect(answered).to be_empty
  end

  it "waits for a Puma that has not begun, and no longer than it takes one" do
    begun = nil
    puma { begun.fetch(:stats) }
    described_class.await { answered << :alone }
    begun = { stats: { backlog: 0 } }
    expect(answered.pop).to eq :alone

    begun = nil
    stub_const("#{described_class}::LOOK_MAX_S", 0.2)
    described_class.await { answered << :another_server }
    expect(answered.pop).to eq :another_server
  end

  it "serves in a worker, known by the name that Puma gives it, and not in what else was forked" do
    puma { { workers: 0 } }
    name = $PROGRAM_NAME.dup
    described_class.await_worker { answered << true }
    expect(answered).to be_empty
    $PROGRAM_NAME = "puma: cluster worker 0: 4711 [app]"
    expect(answered.pop).to be true

    stub_const("#{described_class}::LOOK_MAX_S", 0.2)
    described_class.await_worker { answered << true }
    Thread.list.find { |thread| thread.name == "workflow-probes" }&.join
    expect(answered).to be_empty
  ensure
    $PROGRAM_NAME = name
  end
end
