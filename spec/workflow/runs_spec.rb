# frozen_string_literal: true

RSpec.describe Workflow::Runs do
  let(:order) do
    define("Order") do
      include Workflow
      remembers :number
      attr_reader :number
      workflow { now :go; await :confirm }
      def initialize(number) = (@number = number)
      def go = (raise "odd" if number.odd?)
      def other; end
    end
  end

  it "lists an object's runs, newest first, those of methods included" do
    order.start(2)
    order.new(2).now(:other)
    order.start(22)

    expect(order.new(2).workflows.map(&:name)).to eq %i[.other workflow]
    expect(order.new(3).workflows).to be_empty
  end

  it "lists and filters the runs of a class, over pages" do
    stub_const("Workflow::Runs::PAGE", 2)
    5.times { |number| order.start(number) }
    define("Orders", order).start(7)

    expect(order.workflows.map { |run| run.subject.number }).to eq [ 4, 3, 2, 1, 0 ]
    expect(order.workflows.failed.map { |run| run.subject.number }).to eq [ 3, 1 ]
    expect(order.workflows.at(:confirm).count).to eq 3
    expect(order.workflows.waiting.at(:go)).to be_empty
  end

  it "is empty for a record that is not saved", :records do
    note = table(:notes) { |t| t.string :text }.tap { |klass| klass.include(Workflow) }

    expect(note.new.workflows.to_a).to eq []
    expect(note.new.workflow).to be_none
  end
end
