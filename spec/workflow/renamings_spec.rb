# frozen_string_literal: true

RSpec.describe Workflow::Renamings do
  def workflow(&block) = Class.new { include Workflow }.workflow(&block)

  # The message of the error that the block's declaration raises.
  def message(&block)
    workflow(&block) && nil
  rescue Workflow::DefinitionError => error
    error.message
  end

  def here(offset = 0) = "#{__FILE__}:#{caller_locations(1, 1).first.lineno + offset}"

  it "leads from old names to a step, also to one written further down" do
    definition = workflow do
      renamed :send_link, :send_mail, to: :mail_link
      now :create
      later :mail_link, retries: 5
    end

    expect(definition.renamed).to eq(send_link: :mail_link, send_mail: :mail_link).and be_frozen
    expect(definition.step(:send_mail)).to equal(definition.step(:mail_link))
    expect([ definition.step?(:send_link), definition.step?(:sendlink), definition.step(:sendlink) ]).to eq [ true, false, nil ]
    expect(definition.was(definition.step(:mail_link))).to eq %i[send_link send_mail]
    expect(definition.steps.map(&:name)).to eq %i[create mail_link]
  end

  it "finds what a run calls a step" do
    definition = workflow { now :a; now :b; renamed :old, :older, to: :b }

    expect(definition.name_in(%i[a older], :b)).to eq :older
    expect(definition.name_in(%i[a b], :old)).to eq :b
    expect(definition.name_in(%i[a old], :older)).to eq :old
    expect(definition.name_in(%i[gone], :gone)).to eq :gone
    expect(definition.name_in(%i[a], :b)).to be_nil
  end

  it "wants a step of this workflow behind to:" do
    expect(message { now :mail_link; renamed :send_link, to: :mail_lnk })
      .to start_with(here(-1)).and include("renamed :send_link: to: there is no step :mail_lnk.", "Did you mean mail_link?")
    expect(message { now :c; renamed :a, to: :b; renamed :b, to: :c })
      .to start_with(here(-1)).and include("to: there is no step :b. It was renamed itself: say to: :c.")
  end

  it "refuses an old name that still is a step's, and says where" do
    text = message do
      now :send_link
      renamed :send_link, to: :mail_link
      now :mail_link
    end

    expect(text).to start_with(here(-4)).and include("renamed :send_link", here(-5))
  end

  it "takes an old name only once" do
    text = message do
      now :mail_link
      renamed :send_link, to: :mail_link
      renamed :send_link, to: :mail_link
    end

    expect(text).to start_with(here(-3)).and include("what became of :send_link is said already", here(-4))
  end

  it "takes symbols, and to:" do
    expect(message { now :b; renamed to: :b }).to start_with(here).and include("renamed :old, to: :new")
    expect(message { now :b; renamed :a }).to start_with(here).and include("renamed :a needs to:")
    expect(message { now :b; renamed :a, too: :b }).to start_with(here).and include("no option too:. It takes to:")
    expect(message { now :b; renamed 7, to: :b }).to start_with(here).and include("the name of a method of at most 200 bytes, as a symbol, not 7")
    expect(message { now :b; renamed :a, to: nil }).to start_with(here).and include("to: takes the name of a method of at most 200 bytes, as a symbol, not nil")
    expect(message { now :b; renmaed :a, to: :b }).to include("no word renmaed", "Did you mean renamed?")
  end

  it "takes another name than the present one, as long as the log keeps it, and as many as it keeps" do
    expect(message { now :b; renamed :a, to: :a }).to start_with(here).and include("renamed :a: to: is the same name")
    expect(message { now :b; renamed :"#{"é" * 101}", to: :b }).to start_with(here).and include("of at most 200 bytes")
    names = Array.new(201) { |number| :"a#{number}" }
    expect(message { now :b; renamed(*names, to: :b) }).to start_with(here).and include("at most 200 old names")
    expect(message { now :"#{"é" * 101}" }).to start_with(here).and include("of at most 200 bytes")
  end

  it "is not for after:, which names steps as they are" do
    expect(message { now :b; now :c, after: :a; renamed :a, to: :b }).to include("after: there is no step :a")
  end

  it "may be written inside together" do
    expect(workflow { together { now :b; renamed :a, to: :b; now :c } }.renamed).to eq(a: :b)
  end
end
