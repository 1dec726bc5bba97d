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

  it "lets give_up_on win" do
    expect(step(retry_on: IOError, give_up_on: EOFError).final?(EOFError.new)).to be true
  end
end
