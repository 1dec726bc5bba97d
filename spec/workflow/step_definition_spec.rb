# frozen_string_literal: true

RSpec.describe Workflow::StepDefinition do
  def step(**options) = described_class.new(:charge, :later, options, "order.rb:5")

  it "waits exponentially unless told otherwise" do
    expect(step.constant_ms).to be_nil
    expect(step(backoff: :exponential).constant_ms).to be_nil
    expect(step(backoff: :constant).constant_ms).to eq 3000
    expect(step(backoff: 0.5).constant_ms).to eq 500
  end

  it "asks a proc for the seconds after an attempt" do
    expect(step(backoff: ->(attempt) { attempt * 2 }).delay_ms(3)).to eq 6000
    expect(step(backoff: 4).delay_ms(3)).to be_nil
  end

  it "refuses a proc's answer that is no duration" do
    expect { step(backoff: ->(_) { "soon" }).delay_ms(1) }.to raise_error(Workflow::DefinitionError, /order.rb:5.*seconds, not "soon"/)
  end

  it "gives up on errors that it is told to give up on, subclasses too" do
    expect(step(give_up_on: ArgumentError).final?(Class.new(ArgumentError).new)).to be true
    expect(step(give_up_on: [ KeyError, ArgumentError ]).final?(RuntimeError.new)).to be false
  end

  it "tries again only on retry_on, when that is given" do
    expect(step(retry_on: IOError).final?(EOFError.new)).to be false
    expect(step(retry_on: IOError).final?(RuntimeError.new)).to be true
    expect(step.final?(RuntimeError.new)).to be false
  end

  it "says its delay in milliseconds" do
    expect(step(wait: 1.5).wait_ms).to eq 1500
    expect(step.wait_ms).to be_nil
  end

  it "keeps its result only when told to" do
    expect(step(result: true)).to be_result
    expect(step).not_to be_result
  end

  it "asks conditions before it opens only as an await that has some" do
    await = ->(**options) { described_class.new(:confirm, :await, options, "order.rb:5") }

    expect([ await.call(if: :digital?).asks?, await.call.asks?, step(if: :digital?).asks? ]).to eq [ true, false, false ]
  end

  it "has the types of an await's input, and refuses bad ones" do
    await = ->(**options) { described_class.new(:confirm, :await, options, "order.rb:5") }

    expect(await.call(fields: { code: String }).fields.names).to eq [ :code ]
    expect(await.call.fields).to be_nil
    [ nil, {}, [ :code ], { code: 5 } ].each do |types|
      expect { await.call(fields: types) }.to raise_error(Workflow::DefinitionError, /\Aorder.rb:5: await :confirm: /)
    end
  end

  it "needs the methods of its conditions" do
    expect(step(if: [ :paid?, -> { true } ], unless: :digital?).needed_methods).to eq %i[charge paid? digital?]
  end

  describe "#unmet" do
    let(:order) do
      Class.new do
        def amount = 5
        private def digital? = true
      end.new
    end

    # Why a step with these options would be skipped.
    def reason(**options) = step(**options).unmet(order)&.reason

    it "asks methods, private ones too" do
      expect(reason(if: :digital?)).to be_nil
      expect(reason(unless: :digital?)).to eq "unless: digital?"
    end

    it "runs procs on the subject, or hands it to them" do
      expect([ -> { amount == 5 }, proc { amount == 5 }, ->(order) { order.amount == 5 }, proc { |order| order.amount == 5 }, :amount.to_proc ]
        .map { |asked| reason(if: asked) }).to all(be_nil)
    end

    it "says where a proc is" do
      expect(reason(if: -> { amount > 5 })).to match(%r{\Aif: a proc at .*step_definition_spec\.rb:#{__LINE__}\z})
      expect(reason(unless: :amount.to_proc)).to eq "unless: a proc"
    end

    it "wants all of if: and none of unless:, and asks no further than it must" do
      expect(reason(if: [ :digital?, -> { false }, -> { raise "asked" } ])).to match(/\Aif: a proc/)
      expect(reason(if: :digital?, unless: [ -> { false }, :amount ])).to eq "unless: amount"
      expect(reason(if: [ :digital?, :amount ], unless: [ -> { nil } ])).to be_nil
    end

    it "names a proc's file from the application's root" do
      allow(Workflow.configuration).to receive(:root).and_return(__dir__)
      expect(reason(if: -> { false })).to eq "if: a proc at #{File.basename(__FILE__)}:#{__LINE__}"
    end
  end

  it "lets give_up_on win" do
    expect(step(retry_on: IOError, give_up_on: EOFError).final?(EOFError.new)).to be true
  end
end
