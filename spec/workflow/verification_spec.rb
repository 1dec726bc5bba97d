# frozen_string_literal: true

RSpec.describe Workflow::Verification do
  let(:path) { "#{@directory}/log.sqlite3" }

  before do
    define("Order") { include Workflow; remembers :n; attr_reader :n; workflow { now :go; later :on; await :confirm, expires_in: 60 }; def initialize(n) = (@n = n); def go; end; def on; end }
    3.times { |number| Order.start(number).then { |order| order.now(:on) if number.positive? } }
    Workflow.runtime.stop
  end

  it "finds nothing in a store that is as its events say" do
    expect(described_class.new(path)).to have_attributes(runs: 3, differences: [])
  end

  it "names each row that is wrong", replay: false do
    database = SQLite3::Database.new(path)
    database.execute("UPDATE runs SET version = 99 WHERE id = (SELECT MIN(id) FROM runs)")
    database.execute("DELETE FROM waits WHERE run_id = (SELECT MAX(run_id) FROM waits)")
    database.close

    differences = described_class.new(path).differences
    expect(differences.map { |difference| difference[/\A\w+/] }).to eq %w[runs runs waits]
    expect(differences.last).to include("follows from the events, but is not stored")
  end
end
