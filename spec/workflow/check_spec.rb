# frozen_string_literal: true

RSpec.describe Workflow::Check do
  # A class whose steps all have methods, declared by the block: once as it was, once as it is.
  def order(name = "Order", workflow = nil, parent: Object, &block)
    define(name, parent) do
      include Workflow
      unless Workflow::Subject.record?(self)
        remembers :number
        attr_reader :number
        define_method(:initialize) { |number = 1| @number = number }
      end
      workflow(workflow, &block).steps.each { |step| define_method(step.name) { |**| } }
    end
  end

  def check = described_class.new

  it "finds nothing where there is no log, and makes none" do
    expect(check).to be_good
    expect(check.to_s).to eq "workflow: 0 open runs, all can go on with this code. There is no log at #{@directory}/log.sqlite3 yet: if there should be one, look at the store's address."
    expect(File.exist?(Workflow.configuration.path)).to be false
  end

  it "finds nothing where steps were added, reordered, renamed with a word, or moved between now and later" do
    order { now :a; later :send_link; await :activate; later :welcome }
    Order.start(1)
    order { now :added; await :activate; now :mail_link; renamed :send_link, to: :mail_link; later :a; now :welcome }

    expect(check).to have_attributes(open: 1, findings: [])
  end

  it "says which step is gone, from how many runs, which they are, and what to do" do
    order { now :a; later :send_link; await :activate }
    runs = Array.new(5) { |number| Order.start(number).workflow }
    order { now :a; later :mail_link; await :activate }
    finding = check.findings.first

    expect(check.findings.size).to eq 1
    expect(finding).to have_attributes(class_name: "Order", workflow: :workflow, step: :send_link, count: 5, paused: 0, coming: 5)
    expect(finding.first).to eq([ 4, 3, 2 ].map { |number| [ runs[number].id, "Order/[#{number}]" ] })
    expect(check.to_s).to include("Order, step send_link: 5 will stop when they come to it", "has no step send_link any more",
      "`renamed :send_link, to: :mail_link`", "run.skip(:send_link); then run.resume, with run = Workflow::Run.find(\"#{runs.last.id}\").\n", ", …")
  end

  it "looks at the steps that are still to come only, and at open runs only" do
    order { now :a; later :b }
    Order.start(1)
    Order.start(2).now(:b)
    order { later :b }
    expect(check).to have_attributes(open: 1, findings: [])

    order { now :a }
    expect(check.findings.map(&:step)).to eq [ :b ]
  end

  it "says which await became a step, and which step an await" do
    order { later :a; await :b }
    Order.start(1)
    order { await :a; now :b }

    expect(check.findings.to_h { |finding| [ finding.step, finding.why ] }).to match(
      a: /has a as an await, and the run began with a as a step that is run \(later\)/,
      b: /has b as a step that is run \(now\), and the run began with b as an await/
    )
  end

  it "says which workflow, which class and which method is gone" do
    order("Order", :fulfilment) { later :a; later :b }
    Order.start(1)
    order("Gone") { later :a }.start(1)
    order("Called") { now :a }.class_eval { def call; end }
    Called.new(1).later(:call)
    order("Order") { later :a }
    hide_const("Gone")
    order("Called") { now :a }

    expect(check.findings.to_h { |finding| [ [ finding.class_name, finding.workflow, finding.step ], finding.why ] }).to eq(
      [ "Order", :fulfilment, nil ] => "Order has no workflow fulfilment any more.",
      [ "Gone", :workflow, nil ] => "There is no class Gone that includes Workflow.",
      [ "Called", :".call", :call ] => "Called has no public method call any more."
    )
    expect(check.findings.map(&:remedy)).to all(match(/end the run: /)).and all(match(/Workflow::Run\.find\("\w{13}"\)/))
    expect(check.findings.map { |finding| finding.remedy[/"(\w+)"/, 1] }).to eq(check.findings.map { |finding| finding.first.first.first })
  end

  it "reads the log in pages" do
    stub_const("Workflow::Check::PAGE", 2)
    order { later :a }
    5.times { |number| Order.start(number) }
    order { later :b }

    expect(check.findings.first.count).to eq 5
  end

  it "asks a record of which type it is, where types have workflows of their own", :records do
    table(:orders) { |t| t.string :type }
    order(parent: ActiveRecord::Base) { later :a }.table_name = "orders"
    define("Express", Order)
    [ Order, Express ].each { |klass| klass.create!.start }
    expect(check).to be_good

    define("Express", Order) { workflow { later :b }; def b; end }
    expect(check.findings.map { |finding| [ finding.why[/\w+/], finding.count ] }).to eq [ [ "Express", 1 ] ]
  end
end
