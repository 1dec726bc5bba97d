# frozen_string_literal: true

require "active_support/all"
require "active_job"
require_relative "../support/receipts_table"

# Values whose names match filter_parameters: encrypted in the log, opened for the step that they are for, shown nowhere.
RSpec.describe "Values that nobody is to see" do
  let(:seen) { Queue.new }
  let(:logged) { StringIO.new }

  def secret = "hunter2-in-plain"

  before do
    Workflow.configure { |c| c.secret_key = "s" * 64; c.filter_parameters = [ :passw, /token/i, "card.number" ]; c.logger = Logger.new(logged) }
  end

  after do
    Workflow.configuration.tap { |c| c.filter_parameters = nil; c.secret_key = nil; c.secret_keys = []; c.logger = nil }
  end

  # All that is on disk of the log, and all that was written about it.
  def everything
    files = Dir["#{@directory}/log.sqlite3*"]
    expect(files.map { |file| File.basename(file) }).to include "log.sqlite3", "log.sqlite3-wal"
    files.map { |file| File.binread(file) }.join + logged.string.b
  end

  # What readers get to see of a run.
  def shown(run)
    run = Workflow::Run.new(nil, id: run.id)
    [ run.to_h, run.events.map(&:data), run.events, run, run.steps.map { |step| [ step, step.progress ] }, Workflow.events.map(&:data) ].inspect
  end

  def hidden?(run, text = secret) = expect([ everything.include?(text), shown(run).include?(text) ]).to(eq [ false, false ])
  def next_seen = Timeout.timeout(20) { seen.pop }

  # A plain object whose methods are given.
  def keeper(*remembered, &block)
    seen = self.seen
    define("Keeper") do
      include Workflow
      attr_reader(*remembered)
      remembers(*remembered) if remembered.any?
      define_method(:tell) { |value| seen << value }
      class_eval(&block)
    end
  end

  # The method of the object is another one.
  def otherwise(name, &block)
    Keeper.remove_method(name)
    Keeper.define_method(name, &block)
  end

  describe "in the input of an await" do
    before do
      keeper do
        workflow { await :sign_in; later :read }
        def sign_in(password:, name: nil, **) = tell(password)
        def read = tell(workflow.input(:sign_in))
      end
    end

    it "are the method's and the steps' of the run, and nobody else's" do
      run = Keeper.new.start
      Keeper.new.submit!(:sign_in, name: "ann", password: secret, card: { number: "4242-#{secret}", type: "x" }, list: [ { token: 5 } ])
      expect(next_seen).to eq secret
      work
      expect(next_seen).to eq(name: "ann", password: secret, card: { number: "4242-#{secret}", type: "x" }, list: [ { token: 5 } ])
      eventually("it is done") { run.reload.done? }

      expect(run.input(:sign_in)).to eq(name: "ann", password: "[FILTERED]", card: { number: "[FILTERED]", type: "x" }, list: [ { token: "[FILTERED]" } ])
      expect(run.events.find { |event| event.kind == :input_accepted }.data[:input][:password]).to eq "[FILTERED]"
      hidden?(run)
    end

    it "are filtered again for a run that was read in a step, once that is over" do
      kept = nil
      otherwise(:read) { kept = workflow }
      Keeper.new.start
      Keeper.new.submit!(:sign_in, password: secret)
      Keeper.new.now(:read)

      expect(kept.input(:sign_in)).to eq(password: "[FILTERED]")
    end

    it "are not in what the log has of a rejection, though the person hears it" do
      otherwise(:sign_in) { |password:| reject "Not #{password}." }
      run = Keeper.new.start

      expect(Keeper.new.submit(:sign_in, password: secret).errors.full_messages).to eq [ "Not #{secret}." ]
      expect(run.events.last.data[:reason]).to eq "Not [FILTERED]."
      hidden?(run)
    end

    it "are not in what the log has of an error" do
      otherwise(:sign_in) { |password:| raise IOError, "no #{password}" }
      run = Keeper.new.start

      expect { Keeper.new.submit(:sign_in, password: secret) }.to raise_error(IOError, /#{secret}/)
      expect(run.events.last.error.to_s).to eq "IOError: no [FILTERED]"
      hidden?(run)
    end

    it "that cannot be written are an error without them" do
      Keeper.new.start

      expect { Keeper.new.submit(:sign_in, password: StringIO.new(secret)) }.to raise_error(Workflow::NotSerializable, /\Athe input of sign_in: password \(encrypted, as filter_parameters say\) cannot be written to the log: /) { |error| expect(error.message).not_to include secret }
    end

    it "cannot be had by writing what looks like one" do
      Keeper.new.start

      expect { Keeper.new.submit(:sign_in, password: { Workflow::Secrets::KEY => "x" }) }.to raise_error(Workflow::NotSerializable, /reserved/)
    end
  end

  it "come early, and are judged when the turn has come" do
    keeper do
      workflow { later :first; await :sign_in, fields: { password: String }, early: true }
      def first = nil
      def sign_in(password:) = tell(password) && (reject "Not #{password}")
    end
    run = Keeper.new.start
    expect(Keeper.new.submit(:sign_in, password: secret)).to be_kept
    work
    expect(next_seen).to eq secret
    eventually("it waits") { run.reload.waiting_for?(:sign_in) }

    expect(run.events.select { |event| event.kind == :input_rejected }.map(&:reason)).to eq [ "Not [FILTERED]" ]
    hidden?(run)
  end

  describe "in the arguments of a method" do
    before do
      keeper do
        def call(password = nil, name = nil, *tokens, secret: nil, api_token: nil, card: nil) = tell([ password, name, tokens, secret, api_token, card ])
        def fail(password) = raise(ArgumentError, "bad #{password.inspect}, #{password}")
      end
    end

    it "are known by the names of parameters, and by those of keywords" do
      run = Keeper.new.later(:call, secret, "ann", "1-#{secret}", "2-#{secret}", with: { api_token: { a: secret.to_sym }, card: { number: secret } })
      work
      expect(next_seen).to eq [ secret, "ann", [ "1-#{secret}", "2-#{secret}" ], nil, { a: secret.to_sym }, { number: secret } ]
      eventually("it is done") { run.reload.done? }
      hidden?(run)
      expect(everything).to include "ann"
    end

    it "are the method's that is run here" do
      Keeper.new.now(:call, secret)

      expect(next_seen.first).to eq secret
      hidden?(Keeper.new.workflow(:call))
    end

    it "are not in what the log has of an error, nor in the line about it" do
      run = Keeper.new.later(:fail, secret)
      work
      eventually("it has failed") { run.reload.failed? }

      expect(run.error.to_s).to eq 'ArgumentError: bad "[FILTERED]", [FILTERED]'
      expect(logged.string).to include 'ArgumentError: bad "[FILTERED]", [FILTERED]'
      hidden?(run)
    end
  end

  it "are not in what subscribers hear of an attempt" do
    keeper { def fail(token) = raise(ArgumentError, "bad #{token}") }
    heard = Queue.new
    ActiveSupport::Notifications.subscribed(->(*, payload) { heard << payload }, "attempt.workflow") do
      expect { Keeper.new.now!(:fail, secret) }.to raise_error(ArgumentError, "bad #{secret}")
    end

    payload = heard.pop
    expect(payload[:exception]).to eq [ "ArgumentError", "bad [FILTERED]" ]
    expect(payload.inspect).not_to include secret
  end

  describe "in what an object remembers" do
    before do
      keeper(:name, :token) do
        workflow { now :first; later :second }
        def initialize(name:, token:) = (@name, @token = name, token)
        def first = nil
        def second = tell(token) && raise(NoMethodError, "for #{inspect}")
      end
    end

    it "rebuild it, and find its runs, unread" do
      run = Keeper.start(name: "ann", token: secret).workflow
      work
      expect(next_seen).to eq secret
      eventually("it has failed") { run.reload.failed? }

      expect(Keeper.new(name: "ann", token: secret).workflow.id).to eq run.id
      expect(Keeper.new(name: "ann", token: secret).start).to be_existing
      expect(Keeper.new(name: "ann", token: "other").workflow).to be_none
      expect(Keeper.new(name: "ann", token: secret).workflows.failed.count).to eq 1
      expect(run.error.message).to match(/@token="\[FILTERED\]"/)
      hidden?(run)
    end

    it "find runs that were started before they were filtered, and with an earlier key" do
      Workflow.configuration.filter_parameters = nil
      plain = Keeper.start(name: "ann", token: "early").workflow
      Workflow.configuration.filter_parameters = [ :token ]
      rotated = Keeper.start(name: "ann", token: secret).workflow
      Workflow.configuration.tap { |c| c.secret_key = "t" * 64; c.secret_keys = [ "s" * 64 ] }

      expect(Keeper.new(name: "ann", token: "early").start).to have_attributes(id: plain.id, existing?: true)
      expect(Keeper.new(name: "ann", token: secret).start).to have_attributes(id: rotated.id, existing?: true)
      expect(rotated.reload.subject.token).to eq secret
      hidden?(rotated)
    end
  end

  it "in notes, results and cursors are the step's, and nobody else's" do
    keeper do
      workflow { later :first, result: true, retries: 1, backoff: 0.01; later :second }
      def first
        tell(workflow.cursor)
        note :seen, password: "note-hunter2-in-plain", more: 1
        progress 1, of: 2, cursor: { token: "cursor-hunter2-in-plain", at: 5 }
        raise IOError, "once" if workflow.attempt == 1
        { token: "result-hunter2-in-plain", size: 2 }
      end
      def second = tell(workflow.result(:first))
    end
    run = Keeper.new.start
    work
    expect([ next_seen, next_seen, next_seen ]).to eq [ nil, { token: "cursor-#{secret}", at: 5 }, { token: "result-#{secret}", size: 2 } ]
    eventually("it is done") { run.reload.done? }

    expect(run.result(:first)).to eq(token: "[FILTERED]", size: 2)
    expect(run.events.find { |event| event.kind == :noted }.data[:facts]).to eq(password: "[FILTERED]", more: 1)
    expect(run.step(:first).progress.cursor).to eq(token: "[FILTERED]", at: 5)
    hidden?(run)
  end

  it "travel with a run, in CurrentAttributes" do
    define("Current", ActiveSupport::CurrentAttributes) { attribute :token }
    Workflow.configuration.travels = { "Current" => %i[token] }
    keeper do
      workflow { later :first }
      def first = tell(Current.token) && raise("with #{Current.token}")
    end
    run = Current.set(token: secret) { Keeper.new.start }
    Keeper.new.now(:first)

    expect(next_seen).to eq secret
    expect(run.reload.error.message).to eq "with [FILTERED]"
    hidden?(run)
  ensure
    Workflow.configuration.travels = {}
  end

  it "travel so within an attribute of another name; what looks as if it were encrypted does not" do
    define("Current", ActiveSupport::CurrentAttributes) { attribute :context }
    Workflow.configuration.travels = { "Current" => %i[context] }
    keeper do
      workflow { later :first }
      def first = tell(Current.context)
    end
    run = Current.set(context: { token: secret, of: [ { "token" => secret } ], plain: 1 }) { Keeper.new.start }
    work

    expect(next_seen).to eq(token: secret, of: [ { "token" => secret } ], plain: 1)
    hidden?(run)
    expect { Current.set(context: { "_workflow_sealed" => "x" }) { Keeper.new.start } }.to raise_error(Workflow::NotSerializable, /_workflow_sealed is reserved/)
  ensure
    Workflow.configuration.travels = {}
  end

  it "are not in what is said of a CurrentAttributes' writer that refuses them" do
    define("Current", ActiveSupport::CurrentAttributes) { attribute :token }
    Workflow.configuration.travels = { "Current" => %i[token] }
    keeper { def first = tell("ran") }
    run = Current.set(token: secret) { Keeper.new.later(:first) }
    Current.class_eval { define_method(:token=) { |value| value && raise(ArgumentError, "bad token #{value}") } }
    work

    expect(next_seen).to eq "ran"
    expect(logged.string).to include "Current.token cannot be put back", "bad token [FILTERED]"
    hidden?(run)
  ensure
    Workflow.configuration.travels = {}
  end

  it "are refused as tags, which are to be found by" do
    keeper do
      workflow(tags: -> { { token: 1 } }) { later :first }
      def first = nil
    end

    expect { Keeper.new.start }.to raise_error(Workflow::NotSerializable, /The tag token has a name that filter_parameters match/)
    expect { Keeper.new.start(tags: { "my_password" => 1, token: nil }) }.to raise_error(Workflow::NotSerializable, /The tag my_password/)
    expect(Keeper.new.workflow).to be_none
  end

  it "are found by a proc that changes them, in a hash of a class of its own, and where keys are no symbols" do
    Workflow.configuration.filter_parameters = [ ->(key, value) { value.reverse! if key.to_s == "pin" && value.is_a?(String) } ]
    keeper { def call(given) = tell(given) }
    given = { "a" => ActiveSupport::HashWithIndifferentAccess.new(pin: secret, other: [ { pin: secret } ], at: Time.at(0)), b: 1 }
    run = Keeper.new.later(:call, given)
    work

    expect(next_seen).to eq(given).and satisfy { |found| found["a"].is_a?(ActiveSupport::HashWithIndifferentAccess) }
    eventually("it is done") { run.reload.done? }
    hidden?(run)
  end

  it "are found in the parameters of a controller" do
    require "action_controller"
    require "active_job"
    # As Active Job's railtie does it from Rails 8.1 on; before, its arguments knew them by themselves.
    name = :ActionControllerParametersSerializer
    ActiveJob::Serializers.add_serializers(ActiveJob::Serializers.const_get(name)) if ActiveJob::Serializers.const_defined?(name)
    keeper { def call(given) = tell(given) }
    run = Keeper.new.later(:call, [ ActionController::Parameters.new(a: { password: secret }).permit! ])
    work

    expect(next_seen).to eq [ { "a" => { "password" => secret } } ]
    eventually("it is done") { run.reload.done? }
    hidden?(run)
  end

  describe "without their key" do
    def lose_the_key = Workflow.configuration.secret_key = "t" * 64

    it "fail the step, which says so and what to do; and readers see that there was one" do
      keeper(:token) do
        workflow { await :sign_in; later :read, retries: 5 }
        def initialize(token = 1) = @token = token
        def read = tell(workflow.input(:sign_in))
        def call = nil
      end
      run = Keeper.new.start
      called = Keeper.new.later(:call)
      Keeper.new.submit!(:sign_in, password: secret)
      lose_the_key
      work
      eventually("both have failed") { [ run, called ].all? { |one| one.reload.failed? } }

      expect(run.error.to_s).to match(/KeyMissing: .*config.secret_keys .*run.retry/)
      expect(run.step(:read)).to have_attributes(attempts: 1, reason: "key_missing")
      expect(run.input(:sign_in)).to eq(password: "[FILTERED]")
      expect { shown(run) }.not_to raise_error

      Workflow.configuration.secret_keys = [ "s" * 64 ]
      Workflow::Run.new(nil, id: run.id).retry
      expect(next_seen).to eq(password: secret)
    end

    it "fail an attempt that reads an input, without further ones" do
      keeper do
        workflow { await :sign_in; later :read, retries: 5 }
        def read = tell(workflow.input(:sign_in))
      end
      run = Keeper.new.start
      Keeper.new.submit!(:sign_in, password: secret)
      lose_the_key
      Keeper.new.now(:read)

      expect(run.reload).to be_failed
      expect(run.step(:read)).to have_attributes(attempts: 1, reason: "key_missing")
    end
  end

  describe "without a key of the application" do
    it "are refused as soon as a filter is configured" do
      Workflow.configuration.secret_key = nil

      expect { Workflow.configure { |c| c.filter_parameters = [ :a ] } }.to raise_error(Workflow::DefinitionError, /there is no key for it. Set config.secret_key/)
      expect { Workflow.configuration.secret_key = "short" }.to raise_error(Workflow::DefinitionError) { |error| expect(error.message).to include("32 bytes").and match(/\A(?!.*"short")/) }
      expect { Workflow.configuration.filter_parameters = [ 1 ] }.to raise_error(Workflow::DefinitionError, /must be an array/)
    end

    it "are nothing where nothing is filtered" do
      Workflow.configuration.tap { |c| c.secret_key = nil; c.filter_parameters = nil }
      keeper { def call(password) = tell(password) }
      Keeper.new.now(:call, secret)

      expect(next_seen).to eq secret
      expect(everything).to include secret
    end
  end

  ApplicationDatabase.each do |kind|
    context "in a transaction on #{kind}", application_database: kind do
      before { ReceiptsTable.create }

      it "are not in the application's database either" do
        table(:keepers) { |t| t.string :name }.class_eval do
          include Workflow
          workflow { await :sign_in, fields: { password: String } }
          def sign_in(password:) = password
        end
        seen = self.seen
        Keeper.define_method(:call) { |password| seen << password }
        keeper, run, rows = Keeper.create!(name: "x"), nil, nil
        keeper.start
        Keeper.transaction do
          run = keeper.later(:call, secret)
          keeper.submit!(:sign_in, password: secret)
          rows = ActiveRecord::Base.connection.select_all("SELECT * FROM workflow_receipts").to_a
        end
        work

        expect(next_seen).to eq secret
        expect(rows.size).to eq 2
        expect(rows.to_s).not_to include secret
        eventually("it is done") { run.reload.done? }
        hidden?(run)
        hidden?(keeper.workflow)
      end
    end
  end
end
