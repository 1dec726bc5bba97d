# frozen_string_literal: true

require "active_support"
require "active_support/notifications"

RSpec.describe Workflow::LogSubscriber do
  let(:log) { StringIO.new }
  let(:file) { __FILE__.delete_prefix("#{Workflow.configuration.root}/") }

  around do |example|
    described_class.attach_to :workflow
    Workflow.configuration.logger = Logger.new(log, formatter: ->(severity, _, _, text) { "#{severity} #{text}\n" })
    example.run
  ensure
    described_class.detach_from :workflow
    Workflow.configuration.logger = nil
  end

  it "writes a line for each thing that happens, tagged with run and step" do
    here = __LINE__ + 1
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
    expect(lines.map { |line| line.sub(/ took [\d.]+ ms/, " took 1 ms").sub(/again at \S+ /, "again at T ") }).to eq([
      "INFO [#{run.id}] Order workflow started",
      "DEBUG [#{run.id} reserve] Order#reserve attempt 1 took 1 ms",
      "INFO [#{run.id} reserve] Order#reserve completed",
      "DEBUG [#{run.id} charge] Order#charge attempt 1 took 1 ms",
      "WARN [#{run.id} charge] Order#charge failed: IOError: secret, at #{file}:#{here + 4} (attempt 1); it is tried again at T",
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

  describe "of a step that failed", :records do
    def failures = log.string.lines.grep(/ failed/)

    it "says which record, with which message, where, and when it is tried again; and at last that it is not" do
      table(:signups).class_eval do
        include Workflow
        workflow { later :send_link, retries: 1, backoff: 0.01 }
        def send_link = nil.deliver_mail
      end
      place = "#{file}:#{__LINE__ - 2}"
      signup = Signup.start
      run = signup.workflow
      work
      eventually("both have failed") { failures.size == 2 }

      text = "[#{run.id} send_link] Signup#send_link failed: NoMethodError: #{run.reload.error.message.lines.first.chomp}, at #{place} (Signup/#{signup.id}, attempt"
      due = run.events.find { |event| event.kind == :step_retried }.due_at.iso8601
      expect(failures).to match [
        a_string_starting_with("WARN #{text} 1); it is tried again at #{due} (worker:"),
        a_string_starting_with("ERROR #{text} 2); it is not tried again by itself: Workflow::Run.find(#{run.id.inspect}).retry (worker:")
      ]
      expect(log.string).not_to include "will be tried again"
    end

    it "does not say an id that is a filtered value" do
      Workflow.configure { |c| c.secret_key = "s" * 64; c.filter_parameters = [ :token ] }
      table(:signups) { |t| t.string :token }.class_eval do
        include Workflow
        self.primary_key = "token"
        workflow { now :send_link }
        def send_link = raise(IOError, "no")
      end
      Signup.start(token: "hunter2")

      expect(failures).to match [ / failed: IOError: no, at \S+ \(attempt 1\)/ ]
      expect(log.string).not_to include "hunter2"
    ensure
      Workflow.configuration.tap { |c| c.filter_parameters = nil; c.secret_key = nil }
    end
  end

  it "has no filtered value in what it says of a failure" do
    Workflow.configure { |c| c.secret_key = "s" * 64; c.filter_parameters = [ :token ] }
    define("Order") { include Workflow; def call(token) = raise(IOError, "bad #{token}") }
    place = "#{file}:#{__LINE__ - 1}"
    expect { Order.new.now(:call, "hunter2") }.to raise_error IOError

    expect(log.string).to include "failed: IOError: bad [FILTERED], at #{place} (attempt 1)"
    expect(log.string).not_to include "hunter2"
  ensure
    Workflow.configuration.tap { |c| c.filter_parameters = nil; c.secret_key = nil }
  end

  it "keeps messages and reasons of several lines in one, without what steers a terminal" do
    define("Order") { include Workflow; workflow { now :charge }; def charge = raise(IOError, "one\r\n  two\u2028ERROR [x] forged \e[31m") }
    Order.start.workflow.pause(reason: "one\nERROR [x] forged")

    expect(log.string.lines.grep(/failed: /)).to match [ /failed: IOError: one two ERROR \[x\] forged \\e\[31m, at / ]
    expect(log.string.lines.grep(/paused/)).to match [ /paused: one ERROR \[x\] forged \(/ ]
    expect(log.string.lines.grep(/\AERROR \[x\]/)).to be_empty
    expect(log.string).not_to match(/[\r\e\u2028]/)
  end

  it "says how a person's retry comes to be, and of a failure what it knows when the log cannot be read" do
    define("Order") { include Workflow; workflow { now :charge }; def charge = raise(IOError, "no") }
    run = Order.start.workflow
    run.retry
    expect(log.string.lines.last).to include " Order#charge will be tried again ("

    allow(Workflow.engine).to receive(:events).and_raise(Workflow::StoreUnavailable, "away")
    ActiveSupport::Notifications.instrument("fail.workflow", run_id: run.id, version: 5, subject_class: "Order", step: :charge, error: "IOError", by: "x")
    expect(log.string.lines.last).to include "ERROR [#{run.id} charge] Order#charge failed: IOError; what follows the log could not say (x)"
  end
end
