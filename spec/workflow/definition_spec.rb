# frozen_string_literal: true

RSpec.describe Workflow::Definition do
  def workflow(&block) = Class.new { include Workflow }.workflow(&block)

  # The message of the error that the block's declaration raises.
  def message(&block)
    workflow(&block) && nil
  rescue Workflow::DefinitionError => error
    error.message
  end

  def here(offset = 0) = "#{__FILE__}:#{caller_locations(1, 1).first.lineno + offset}"

  it "refuses an unknown name in after:, and suggests the one that was meant" do
    expect(message { now :reserve; later :charge, after: :reserv })
      .to start_with(here(-1)).and include("later :charge: after: there is no step :reserv.", "Did you mean reserve?")
  end

  it "refuses a step after itself" do
    expect(message { later :charge, after: :charge }).to start_with(here).and include("after: names the step itself")
  end

  it "refuses circles, and names the steps in them, and where" do
    text = message do
      now :first
      later :a, after: :c
      later :b
      later :c
      later :last
    end

    expect(text).to start_with(here(-6)).and include("later :a: after: makes a circle: :a after :c after :b after :a.")
  end

  it "is not slow with many steps in the wrong order" do
    definition = workflow do
      199.times { |number| later :"step_#{number}", after: :"step_#{number + 1}" }
      later :step_199, after: []
    end

    expect(definition.dependencies.first(2)).to eq [ [ 1 ], [ 2 ] ]
  end

  it "cannot be changed through what was given to after:" do
    names = [ :a ]
    definition = workflow { now :a; later :b; later :c, after: names }
    names << :b

    expect(definition.step(:c).follows).to eq [ :a ]
    expect([ definition.dependencies, *definition.dependencies, definition.step(:c).follows ]).to all(be_frozen)
  end

  describe "#verify" do
    # A class whose one step asks, with the methods of the block.
    def asking(**options, &block)
      Class.new do
        include Workflow
        workflow { later :ship, **options }
        def ship; end
        class_eval(&block) if block
      end
    end

    def verify(klass) = klass.workflow.verify(klass)

    it "wants the methods of conditions" do
      expect { verify(asking(unless: :digtal?) { def digital?; end }) }
        .to raise_error(Workflow::DefinitionError, /\A#{__FILE__}:\d+: later :ship needs a method digtal\? .* Did you mean digital\?/)
      expect { verify(asking(if: :paid?) { private def paid?; end }) }.not_to raise_error
    end

    it "wants them to do without arguments" do
      expect { verify(asking(if: :paid?) { def paid?(_by); end }) }
        .to raise_error(Workflow::DefinitionError, /later :ship calls .*#paid\? without arguments, but it requires some/)
      expect { verify(asking(if: :paid?) { def paid?(by = nil) = by }) }.not_to raise_error
    end

    it "knows that a record has methods for its attributes", :records do
      order = table(:orders) { |t| t.boolean :digital }
      order.class_eval { include Workflow; workflow { later :ship, unless: :digital? }; def ship; end }

      expect { verify(order) }.not_to raise_error
    end
  end
end
