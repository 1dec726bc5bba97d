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

  it "shows its steps and where it is declared, and not more of them than a line has" do
    definition = workflow { now :reserve; later :charge, after: [] }
    expect(definition.inspect).to eq "#<Workflow::Definition workflow: now reserve, later charge (#{Workflow::Gap.short(definition.location)})>"
    expect(workflow { 50.times { |number| now :"step_#{number}" } }.inspect).to include("now step_9, … (").and satisfy { |text| !text.include?("step_10") }
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

    # The message with which the steps of the block are refused, which the class has only the methods of every object for.
    def refusal_of(parent = Object, &block)
      klass = Class.new(parent) { include Workflow; workflow(&block) }
      verify(klass) && nil
    rescue Workflow::DefinitionError => error
      error.message
    end

    it "takes no method of every object's for a step's, a reminder's or a condition's" do
      expect(refusal_of { now :print }).to start_with(here).and match(/now :print needs a method print in .*, which has none of its own: print is Kernel's\./)
      expect(refusal_of { later :exit }).to include("later :exit needs a method exit")
      expect(refusal_of { later :instance_eval }).to include("is BasicObject's")
      expect(refusal_of { await :go, expires_in: 5, otherwise: :system }).to include("needs a method system")
      expect(refusal_of { await :go, remind: { after: 5, with: :puts } }).to include("needs a method puts")
      expect(refusal_of { await :go, if: :frozen? }).to include("needs a method frozen?")
    end

    it "begins no run that would call one" do
      define("Leaving") { include Workflow; workflow { now :exit } }

      expect { Leaving.start }.to raise_error(Workflow::DefinitionError, /exit is Kernel's/)
      expect(Workflow.events).to eq []
    end

    it "takes none of its own words for one, but what is behind a word" do
      expect(refusal_of { now :start }).to include("which has none of its own: start is Workflow's.")
      expect(refusal_of { later :note }).to include("note is Workflow's.")
      expect(refusal_of(Class.new { def start; end }) { now :start }).to be_nil
    end

    it "takes what the class, its parents and its modules define, whatever it is called" do
      printing = Module.new { def print; end }
      klass = Class.new(Class.new { def open; end }) do
        include printing
        include Workflow
        workflow { now :print; now :open; now :exit }
        private def exit; end
      end

      expect { verify(klass) }.not_to raise_error
    end

    it "takes a record's methods for steps, and its attributes for conditions, be they called like Kernel's", :records do
      order = table(:orders) { |t| t.boolean :open }
      order.class_eval { include Workflow; workflow { later :touch, if: :open; now :reload } }
      wrong = Class.new(order) { workflow { now :reject } }

      expect { verify(order) }.not_to raise_error
      expect { verify(wrong) }.to raise_error(Workflow::DefinitionError, /reject is Workflow's/)
    end

    # A class whose await has fields, with the method of the block.
    def awaiting(&block)
      Class.new do
        include Workflow
        workflow { await :confirm, fields: { code: String, note: [ String, nil ] } }
        class_eval(&block) if block
      end
    end

    it "wants an await's method to take its fields, and to require nothing else" do
      { "requires cod:, which is no field. Did you mean code?" => ->(*) { def confirm(cod:, note:); end },
        "requires by:, which is no field." => ->(*) { def confirm(by:, **); end },
        "does not take the field note:. Add it to the method, or **rest." => ->(*) { def confirm(code:); end },
        "does not take the field code:." => ->(*) { def confirm; end },
        "requires order without a keyword." => ->(*) { def confirm(order, code:, note:); end } }.each do |said, block|
        expect { verify(awaiting(&block)) }
          .to raise_error(Workflow::DefinitionError, /\A#{__FILE__}:\d+: await :confirm calls .*#confirm with its fields as keywords, and the method #{Regexp.escape(said)}/)
      end
      expect { verify(awaiting { attr_reader :confirm }) }.to raise_error(Workflow::DefinitionError, /does not take the field code:/)
    end

    it "takes every method that can be called with them, and none" do
      [ ->(*) { def confirm(code:, note: nil); end }, ->(*) { def confirm(code: 1, **rest) = rest }, ->(*) { def confirm(**); end }, ->(*) { def confirm(...) = to_s(...) },
        ->(*) { def confirm(input) = input }, ->(*) { def confirm(*input) = input }, ->(*) { private def confirm(code:, note:, by: nil); end }, nil ].each do |block|
        expect { verify(awaiting(&block)) }.not_to raise_error
      end
    end

    it "knows that a record has methods for its attributes", :records do
      order = table(:orders) { |t| t.boolean :digital }
      order.class_eval { include Workflow; workflow { later :ship, unless: :digital? }; def ship; end }

      expect { verify(order) }.not_to raise_error
    end
  end
end
