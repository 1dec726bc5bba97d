# frozen_string_literal: true

require "active_support"
require "active_support/notifications"

RSpec.describe Workflow::LogSubscriber do
  let(:log) { StringIO.new }

  around do |example|
    described_class.attach_to :workflow
    Workflow.configuration.logger = Logger.new(log, formatter: ->(severity, _, _, text) { "#{severity} #{text}\n" })
    example.run
  ensure
    described_class.detach_from :workflow
    Workflow.configuration.logger = nil
  end

  it "writes a line for each thing that happens, tagged with run and step" do
    define("Order") do
      include Workflow
      workflow { now :reserve; now :charge, retries: 1, backoff: 60; await :confirm, expires_in: 60 }
      def reserve; end
      def charge = (raise IOError, "secret" if workflow.attempt < 2)
      def confirm(code:) = reject("secret")
    end
    run = Order.start.workflow
    run.now(:charge)
    run.submit(:confirm, code: 1)

    lines = log.string.lines.reject { |line| line.include?("WARN workflow: IOError: secret") } # the report of the error
    expect(lines.map { |line| line.sub(/ took [\d.]+ ms/, " took 1 ms").sub(/ at \S+ /, " at T ") }).to eq([
      "INFO [#{run.id}] Order workflow started",
      "DEBUG [#{run.id} reserve] Order#reserve attempt 1 took 1 ms",
      "INFO [#{run.id} reserve] Order#reserve completed",
      "DEBUG [#{run.id} charge] Order#charge attempt 1 took 1 ms",
      "ERROR [#{run.id} charge] Order#charge failed IOError",
      "WARN [#{run.id} charge] Order#charge will be tried again at T",
      "DEBUG [#{run.id} charge] Order#charge attempt 2 took 1 ms",
      "INFO [#{run.id} charge] Order#charge completed",
      "INFO [#{run.id} confirm] Order#confirm waits for input",
      "DEBUG [#{run.id} confirm] Order#confirm attempt  took 1 ms",
      "INFO [#{run.id} confirm] Order#confirm rejected its input"
    ].map { |line| "#{line} (#{Workflow::Role.by})\n" })
  end

  it "says why a run is paused or cancelled" do
    define("Order") { include Workflow; workflow { await :confirm } }
    run = Order.new.start.pause(reason: "stocktaking").resume.cancel
    Order.new.start.cancel(reason: "fraud")

    expect(log.string.lines.grep(/paused|cancelled/).map { |line| line.sub(/\[.*\] /, "") }).to eq([
      "WARN Order workflow paused: stocktaking", "INFO Order workflow cancelled", "INFO Order workflow cancelled: fraud"
    ].map { |line| "#{line} (#{Workflow::Role.by})\n" })
    expect(run).to be_cancelled
  end

  it "says that a run has paused itself, by a worker, where the code has no such step any more" do
    define("Order") { include Workflow; workflow { await :confirm; later :ship }; def ship; end }
    run = Order.new.start
    define("Order") { include Workflow; workflow { await :confirm; later :send_off }; def send_off; end }
    Order.new.submit(:confirm)
    work
    eventually("it is said") { log.string.include?(" paused: ") }

    expect(log.string.lines.last).to match(/\AWARN \[#{run.id}\] Order workflow paused: .*no step ship any more.*run\.resume.*\(worker:/)
  end
end
