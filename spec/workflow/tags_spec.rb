# frozen_string_literal: true

RSpec.describe Workflow::Tags do
  def order(tags = nil, &body)
    define("Order") do
      include Workflow
      remembers :plan
      attr_reader :plan
      workflow(**{ tags: tags }.compact) { later :go }
      def initialize(plan = "pro") = (@plan = plan)
      def go; end
      class_eval(&body) if body
    end
  end

  it "labels a run with what the workflow says of its object" do
    order(-> { { plan: plan, "many" => 5, half: 0.5, exact: BigDecimal("1.50"), yes: true, kind: :big, nothing: nil } })

    expect(Order.new.start.tags).to eq(plan: "pro", many: "5", half: "0.5", exact: "1.5", yes: "true", kind: "big")
    expect(Order.new.workflow.reload.tags).to include(plan: "pro")
  end

  it "is told with the run" do
    order(region: :eu)

    expect(Order.new.start.to_h).to include(tags: { region: "eu" })
    order
    expect(Order.new("free").start.to_h).not_to include(:tags)
  end

  it "takes a hash, or a proc with the object, as well" do
    order(region: :eu)
    expect(Order.new.start.tags).to eq(region: "eu")
    order(->(order) { { plan: order.plan } })
    expect(Order.new("free").start.tags).to eq(plan: "free")
    order(-> { })
    expect(Order.new("none").start(tags: { a: 1 }).tags).to eq(a: "1")
    order
    expect(Order.new("nothing").start.tags).to eq({})
  end

  it "puts the caller's over the workflow's; a nil leaves one out" do
    order(-> { { plan: plan, region: :eu } })

    expect(Order.new.start(tags: { "plan" => "trial", region: nil, seats: 3 }).tags).to eq(plan: "trial", seats: "3")
    expect(Order.new("x").start(tags: { plan: "äöü €" }).tags[:plan]).to eq "äöü €"
  end

  it "leaves an open run as it was labelled" do
    order
    Order.new.start(tags: { a: 1 })

    expect(Order.new.start(tags: { a: 2 })).to have_attributes(existing?: true, tags: { a: "1" })
  end

  it "refuses what it cannot keep, before anything is written" do
    order
    start = ->(tags) { Order.new.start(tags: tags) }

    expect { start.call(5) }.to raise_error(ArgumentError, /tags: takes a hash of names and values.*not 5/)
    expect { start.call(plan: Object.new) }.to raise_error(Workflow::NotSerializable, /The tag plan is #<Object.*a value is a string/)
    expect { start.call(plan: %w[a b]) }.to raise_error(Workflow::NotSerializable, /The tag plan is \["a", "b"\]/)
    expect { start.call(5 => "a") }.to raise_error(Workflow::NotSerializable, /The name of a tag is a symbol or a string, not 5/)
    expect { start.call("" => "a") }.to raise_error(Workflow::NotSerializable, /cannot be empty/)
    expect { start.call(plan: "\xff") }.to raise_error(Workflow::NotSerializable, /The tag plan is not valid text/)
    expect { start.call(plan: "é" * 101) }.to raise_error(Workflow::PayloadTooLarge, /The tag plan has 202 bytes: at most 200/)
    expect { start.call("n" * 201 => 1) }.to raise_error(Workflow::PayloadTooLarge, /201 bytes/)
    expect { start.call((1..21).to_h { |number| [ "n#{number}", 1 ] }) }.to raise_error(Workflow::PayloadTooLarge, /21 tags: a run has at most 20/)
    expect(Workflow.events).to be_empty
    expect(start.call((1..20).to_h { |number| [ "n#{number}", "é" * 100 ] }).tags.size).to eq 20
  end

  it "refuses a declaration that could never be kept, with file and line" do
    expect { order(5) }.to raise_error(Workflow::DefinitionError, /tags_spec.rb:\d+: workflow :workflow: tags: must be a hash of names and values/)
    expect { order(plan: Object.new) }.to raise_error(Workflow::DefinitionError, /tags: must be/)
    expect { order(->(a, b) { }) }.to raise_error(Workflow::DefinitionError, /tags: must be/)
    order(-> { 5 })
    expect { Order.new.start }.to raise_error(Workflow::DefinitionError, /tags_spec.rb:\d+: workflow :workflow: tags: gave 5, not a hash/)
    expect(Workflow.events).to be_empty
  end

  context "with records", :records do
    before do
      table(:orders) { |t| t.string :plan }.class_eval do
        include Workflow
        workflow(tags: -> { { id: id, plan: plan == "bad" ? Object.new : plan } }) { later :go }
        def go; end
      end
    end

    it "asks the saved record" do
      made = Order.start(plan: "pro")

      expect(made.workflow.tags).to eq(id: made.id.to_s, plan: "pro")
      expect(Order.workflows.tagged(id: made.id).count).to eq 1
    end

    it "saves no new record whose tags it cannot keep, also inside the application's own transaction" do
      expect { Order.start(plan: "bad") }.to raise_error(Workflow::NotSerializable)
      Order.transaction do
        Order.create!(plan: "before")
        Order.start(plan: "bad")
      rescue Workflow::NotSerializable
        Order.create!(plan: "after")
      end

      expect(Order.pluck(:plan)).to eq %w[before after]
      expect(Workflow.events).to be_empty
    end
  end
end
