# frozen_string_literal: true

require "active_support/all"
require "active_job"
require_relative "../support/receipts_table"

# What a run takes along from whoever starts it: locale, time zone and the CurrentAttributes that are named.
RSpec.describe "What travels with a run" do
  let(:seen) { Queue.new }

  around do |example|
    locales, default, zone, application = I18n.available_locales, I18n.default_locale, Time.zone_default, Time.zone
    I18n.available_locales = %i[en de fr]
    Time.zone_default = Time.find_zone!("UTC")
    example.run
  ensure
    Workflow.configuration.travels = {}
    ActiveSupport::CurrentAttributes.clear_all
    I18n.available_locales, I18n.default_locale, Time.zone_default, Time.zone = locales, default, zone, application
    I18n.locale = default
  end

  def current(**options, &block)
    define("Current", ActiveSupport::CurrentAttributes) do
      attribute :user, :tenant, :other
      class_eval(&block) if block
    end
    Workflow.configure { |c| c.travels = { "Current" => %i[user tenant] }.merge(options) }
  end

  def surroundings = [ I18n.locale, Time.zone&.name, (Current.user if defined?(Current)) ]

  # A plain object, each of whose methods says what it sees.
  def traveller(**options, &block)
    seen, look = self.seen, method(:surroundings)
    define("Traveller") do
      include Workflow
      workflow(**options, &block)
      %i[first second otherwise nudge call submitted].each { |name| define_method(name) { |**| seen << [ name, *look.call ] && Traveller.act } }
      define_method(:asked?) { seen << [ :asked?, *look.call ] }
      singleton_class.attr_accessor :acting
      def self.act = acting&.call
    end
    Traveller.new
  end

  def abroad(locale: :de, zone: "Tokyo")
    I18n.with_locale(locale) { Time.use_zone(zone) { yield } }
  end

  # What a step does that knows no manners.
  def change(*names)
    I18n.locale, Time.zone = :fr, "Hawaii"
    names.each { |name| Current.public_send("#{name}=", "changed") }
  end

  def next_seen = Timeout.timeout(20) { seen.pop }

  it "is nothing that is kept, if all is as by default" do
    current
    run = traveller { now :first; later :second }.start

    expect(run.reload.snapshot[:args]).to be_nil
    expect(next_seen).to eq [ :first, :en, "UTC", nil ]
  end

  it "is found by each step, by the caller and by workers, who have their own back" do
    current
    object = traveller { now :first; later :second, if: :asked? }
    run = abroad { Current.set(user: "Ann") { object.start } }
    Current.user, I18n.locale = "Bob", :fr
    work
    eventually("it is done") { run.reload.done? }

    expect(Array.new(3) { next_seen }).to eq [ [ :first, :de, "Tokyo", "Ann" ], [ :asked?, :de, "Tokyo", "Ann" ], [ :second, :de, "Tokyo", "Ann" ] ]
    expect(surroundings).to eq [ :fr, "UTC", "Bob" ]
  end

  it "is the run's in a step that somebody else takes, also where it took nothing along" do
    current
    object = traveller { later :first; later :second }
    object.start
    Current.user = "Bob"
    abroad { object.now(:first) }

    expect(next_seen).to eq [ :first, :en, "UTC", nil ]
    expect(Current.user).to eq "Bob"
  end

  it "is the run's in each attempt, and the worker's own is back after an error" do
    current
    object = traveller { later :first, retries: 1, backoff: 0.01; later :second }
    attempts = 0
    Traveller.acting = -> { change("user") && raise(IOError, "once") if (attempts += 1) == 1 }
    run = abroad { Current.set(user: "Ann") { object.start } }
    plain = Traveller.new.later(:call)
    work(threads: 1)
    eventually("both are done") { run.reload.done? && plain.reload.done? }

    found = Array.new(4) { next_seen }
    expect(found.reject { |name, *| name == :call }).to eq [ [ :first, :de, "Tokyo", "Ann" ], [ :first, :de, "Tokyo", "Ann" ], [ :second, :de, "Tokyo", "Ann" ] ]
    expect(found).to include [ :call, :en, "UTC", nil ]
  end

  it "is put back after an error, a throw and a killed thread, in the caller" do
    current
    endings = { error: -> { raise IOError }, throw: -> { throw :out }, rejection: -> { Workflow::Execution.reject("no") }, killed: -> { Thread.current.kill } }
    endings.each do |name, ending|
      object = traveller(unique: false) { later :first }
      abroad { Current.set(user: "Ann") { object.start } }
      Traveller.acting = -> { change("user", "other") && ending.call }
      left = nil
      Thread.new do
        I18n.locale, Time.zone, Current.user, Current.other = :fr, "Samoa", "Bob", "mine"
        catch(:out) { object.now(:first) }
      ensure
        left = [ *surroundings, Current.other ]
      end.join

      expect([ name, *left ]).to eq [ name, :fr, "Samoa", "Bob", "mine" ]
      expect(next_seen).to eq [ :first, :de, "Tokyo", "Ann" ]
    end
  end

  it "is the run's for what follows an await, its reminder and its otherwise, and the submitter's for its method" do
    object = traveller { await :submitted, remind: { after: 60, with: :nudge }, expires_in: 600, otherwise: :otherwise; now :second }
    current
    abroad { Current.set(user: "Ann") { object.start } }
    Current.set(user: "Bob") { I18n.with_locale(:fr) { object.submit!(:submitted) } }
    expect([ next_seen, next_seen ]).to eq [ [ :submitted, :fr, "UTC", "Bob" ], [ :second, :de, "Tokyo", "Ann" ] ]

    abroad(zone: "Samoa") { Traveller.new.start }
    work
    Workflow.engine.travel(61_000)
    expect(next_seen).to eq [ :nudge, :de, "Samoa", nil ]
    Workflow.engine.travel(700_000)
    expect(next_seen).to eq [ :otherwise, :de, "Samoa", nil ]
  end

  it "travels with single methods, beside their arguments and without, and on from within a step" do
    traveller { later :first }
    Traveller.acting = -> { (Traveller.acting = nil) || Traveller.new.later(:call, with: { a: 1 }) }
    abroad { Traveller.new.later(:call) }
    work

    expect([ next_seen, next_seen ]).to eq [ [ :call, :de, "Tokyo", nil ] ] * 2
  end

  it "does not keep a step from running when its locale, zone, class or attribute is gone, and says so" do
    reported = StringIO.new
    Workflow.configuration.logger = Logger.new(reported)
    current("Gone" => %i[it])
    define("Gone", ActiveSupport::CurrentAttributes) { attribute :it }
    object = traveller { later :first }
    run = abroad(zone: "Tokyo") { Gone.set(it: 1) { Current.set(user: "Ann", tenant: "t") { object.start } } }
    I18n.available_locales = %i[en]
    hide_const("Gone")
    ActiveSupport::CurrentAttributes.clear_all # as a reload does
    define("Current", ActiveSupport::CurrentAttributes) { attribute :user }
    object.now(:first)

    expect(run.reload).to be_done
    expect(next_seen).to eq [ :first, :en, "Tokyo", "Ann" ]
    expect(reported.string).to match(/TravelLost: Traveller#first .*the locale de cannot be put back/).and match(/: Current.tenant cannot be/).and match(/: Gone cannot be/)
  ensure
    Workflow.configuration.logger = nil
  end

  it "takes what it is given as it is, and refuses what cannot be written before anything starts" do
    current
    object = traveller { later :first }
    Current.user = Object.new

    expect { object.start }.to raise_error(Workflow::NotSerializable, /Current.user, which a run takes along, cannot be written/)
    expect(object.workflow).to be_none
  end

  describe "travels=" do
    it "refuses what does not name classes and attributes" do
      [ [ :user ], { "current" => %i[user] }, { "Current" => [] }, { "Current" => [ 1 ] }, nil ].each do |wrong|
        expect { Workflow.configuration.travels = wrong }.to raise_error(Workflow::DefinitionError, /travels must be names/)
      end
    end

    it "is checked with the methods of the steps" do
      current
      expect { Workflow.verify }.not_to raise_error
      Workflow.configuration.travels = { "Current" => %i[usr] }
      expect { Workflow.verify }.to raise_error(Workflow::DefinitionError, /travels names Current.usr, and Current has no such attribute. Did you mean user\?/)
      Workflow.configuration.travels = { "String" => %i[usr] }
      expect { Workflow.verify }.to raise_error(Workflow::DefinitionError, /String, which is no class of ActiveSupport::CurrentAttributes/)
      Workflow.configuration.travels = { "Nowhere" => %i[usr] }
      expect { Workflow.verify }.to raise_error(Workflow::DefinitionError, /Nowhere, which this process does not know/)
    end
  end

  it "calls the writers of attributes, and undoes what they did to others" do
    current { define_method(:user=) { |name| super(name).tap { self.other = "#{name}'s" } } }
    object = traveller { later :first }
    Current.set(user: "Ann") { object.start }
    inside = nil
    Traveller.acting = -> { inside = Current.other }
    Current.user, Current.other = "Bob", "mine"
    object.now(:first)

    expect([ inside, Current.user, Current.other ]).to eq [ "Ann's", "Bob", "mine" ]
  end

  ApplicationDatabase.each do |kind|
    context "with records on #{kind}", application_database: kind do
      before { ReceiptsTable.create }

      def users = table(:users) { |t| t.string :name }.include(GlobalID::Identification)

      it "finds records again, and nothing where they are gone; the caller's own step has the very object" do
        GlobalID.app ||= "spec"
        users
        current
        ann = User.create!(name: "Ann")
        object = traveller { now :first; later :second; later :otherwise }
        run = Current.set(user: ann) { object.start }
        expect(next_seen.last).to be ann
        object.now(:second)
        expect(next_seen.last).to eq(ann).and satisfy { |found| !found.equal?(ann) }

        User.delete_all
        reported = StringIO.new
        Workflow.configuration.logger = Logger.new(reported)
        object.now(:otherwise)
        expect(next_seen.last).to be_nil
        expect(run.reload).to be_done
        expect(reported.string).to match(/Current.user cannot be put back as it was where the run was started: .*User/)
      ensure
        Workflow.configuration.logger = nil
      end

      it "is the caller's at the time of a call in a transaction, whoever tells the log of it" do
        users.class_eval do
          include Workflow
          workflow { now :first; later :second }
        end
        seen, look = self.seen, method(:surroundings)
        %i[first second third].each { |name| User.define_method(name) { seen << [ name, *look.call ] } }
        current
        user = nil
        User.transaction do
          abroad { Current.set(user: "Ann") { user = User.start(name: "x") } }
          abroad(zone: "Samoa") { User.create!(name: "y").later(:third) }
        end
        expect(next_seen).to eq [ :first, :de, "Tokyo", "Ann" ]
        user.now(:second)
        expect(next_seen).to eq [ :second, :de, "Tokyo", "Ann" ]
        work
        expect(next_seen).to eq [ :third, :de, "Samoa", nil ]
      end
    end
  end
end
