# frozen_string_literal: true

require "open3"
require "rbconfig"
require "timeout"

# 1,000 open runs at every step, then other code: see examples/deploy/README.md.
RSpec.describe "examples/deploy" do
  def rehearse(**environment)
    Timeout.timeout(180) { Open3.capture3(environment.transform_keys(&:to_s), RbConfig.ruby, "-w", File.expand_path("../../examples/deploy/rehearsal.rb", __dir__)) }
  end

  it "carries 1,000 runs from the old code to the new" do
    out, error, status = rehearse

    expect([ status.exitstatus, error ]).to eq [ 0, "" ]
    expect(out).to include("Order, step count_stock: 715 will stop when they come to it\n")
    expect(out.lines.last).to eq "rehearsed: 1000 open runs, 285 went on by themselves, 715 were carried over; each step of each run once\n"
  end

  it "fails, and the check says why, without the line that says what a step was called" do
    out, error, status = rehearse(WITHOUT: "renamed", ORDERS: "70")

    expect(status).not_to be_success
    expect(out).to include("Order, step send_receipt: 30 will stop when they come to it\n", "has no step send_receipt any more",
      "`renamed :send_receipt, to: :mail_receipt`")
    expect(error).to include("the steps it names")
  end

  it "fails when what is removed is not skipped" do
    out, error, status = rehearse(WITHOUT: "skip", ORDERS: "70")

    expect(status).not_to be_success
    expect(out).not_to include("rehearsed:")
    expect(error).to match(/all are done: not within/)
  end
end
