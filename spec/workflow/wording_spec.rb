# frozen_string_literal: true

require "active_support/all"
require "active_model"

RSpec.describe Workflow::Wording do
  german = {
    steps: { confirm: "Die Bestätigung" }, run_states: { paused: "angehalten" },
    errors: {
      missing: "fehlt", wanted: "muss %{wanted} sein", either: "%{others} oder %{last}", an_integer: "eine ganze Zahl", too_large: "%{step} ist zu groß",
      already_done: "%{step} ist schon da.", not_awaited: "%{step} passt nicht: der Ablauf ist %{state}.", not_started: "%{step}: %{nothing}"
    }
  }

  around do |example|
    locales = I18n.available_locales
    I18n.available_locales = %i[en de fr]
    I18n.backend.store_translations(:de, workflow: german)
    example.run
  ensure
    I18n.available_locales = locales
    I18n.reload!
  end

  it "knows its own sentences, in the locale, from what an application may have made of an input" do
    ours = [ "confirm is already done.", "confirm is not awaited: the workflow waits for a, b.", "is missing", "must be 6 digits" ]
    theirs = [ "1234 is already done.", "confirm is already done. 1234", "1234 is missing", "Not 1234.", "must be 1234", "" ]

    expect((ours + theirs).select { |text| described_class.ours?(text, %i[ask confirm]) }).to eq ours
    expect(I18n.with_locale(:de) { [ "Die Bestätigung ist schon da.", "fehlt", "confirm ist schon da." ].map { |text| described_class.ours?(text, [ :confirm ]) } }).to eq [ true, true, false ]
  end

  let(:order) do
    define("Order") do
      include Workflow
      workflow { await :confirm, fields: { seats: Integer, size: %w[s m], day: [ Date, nil ], name: [ String, nil ] }; await :pay }
      def confirm(**) = nil
      def pay = nil
    end
  end

  def errors(locale, step, **input) = I18n.with_locale(locale) { @object.submit(step, **input).errors.full_messages }

  it "says in the locale why an input does not fit, and in English what that has not" do
    @object = order.start
    input = { seats: "many", size: "x", day: "soon" }

    expect(errors(:de, :confirm, **input)).to eq [ "Seats muss eine ganze Zahl sein", "Size muss s oder m sein", "Day muss a date, such as 2026-12-31 sein" ]
    expect(errors(:fr, :confirm, **input)).to eq [ "Seats must be a whole number", "Size must be s or m", "Day must be a date, such as 2026-12-31" ]
    expect(errors(:de, :confirm, seats: 1)).to eq [ "Size fehlt" ]
    expect(errors(:de, :confirm, seats: 1, size: "s", name: '"' * 600_000)).to eq [ "Die Bestätigung ist zu groß" ]
  end

  it "says in the locale that a step is not awaited, and raises it in English" do
    @object = order.new
    expect(errors(:de, :confirm)).to eq [ "confirm is not awaited: nothing has started." ] # for want of that value
    @object.start.submit!(:confirm, seats: 1, size: "s")
    expect(errors(:de, :confirm)).to eq [ "Die Bestätigung ist schon da." ]
    expect(errors(:en, :confirm)).to eq [ "confirm is already done." ]
    expect { I18n.with_locale(:de) { @object.submit!(:confirm) } }.to raise_error(Workflow::NotWaiting, /\Aconfirm is already done. \(Order, run /)

    @object.workflow.pause(reason: "Inventur.")
    expect(errors(:de, :confirm)).to eq [ "Die Bestätigung ist schon da." ]
    @object.workflow.cancel(reason: "Umzug.")
    expect(errors(:de, :pay)).to eq [ "pay passt nicht: der Ablauf ist cancelled: Umzug." ]
  end

  it "says it in the object's own errors" do
    order.include(ActiveModel::Validations)
    @object = order.start
    expect(errors(:de, :confirm, seats: "many", size: "s")).to eq [ "Seats muss eine ganze Zahl sein" ]
    expect(@object.errors[:seats]).to eq [ "muss eine ganze Zahl sein" ]
  end

  it "says it in English without I18n" do
    said = IO.popen([ RbConfig.ruby, "-W0", "-Ilib", "-e", <<~'RUBY', err: [ :child, :out ] ], &:read)
      require "workflow"
      fields = Workflow::Fields.new({ seats: [ Integer, :boolean ], name: String }, "order.rb:1: await :confirm")
      puts defined?(I18n).inspect, fields.read(seats: "many").last, Workflow::Wording.error(:already_done, step: Workflow::Wording.step(:go))
    RUBY
    expect(said).to eq "nil\n#{{ seats: [ "must be a whole number or true or false" ], name: [ "is missing" ] }}\ngo is already done.\n"
  end
end
