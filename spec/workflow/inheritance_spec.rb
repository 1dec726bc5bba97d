# frozen_string_literal: true

require "active_support/concern"

# Classes that share workflows: subclasses, types of records, concerns; and several workflows of one class.
RSpec.describe "Declarations that are shared" do
  def until_state(run, state)
    eventually("it is #{state}") { run.reload.state == state }
    run
  end

  # A concern in a module of its own file and line.
  def billing
    stub_const("Billing", Module.new do
      extend ActiveSupport::Concern
      included do
        include Workflow
        workflow(:billing) { now :charge; later :receipt }
      end
      def charge = (@charged = self.class.name)
      def receipt; end
    end)
  end

  describe "a subclass" do
    before do
      define("Order") { include Workflow; workflow { now :reserve; later :ship }; def reserve = done << :reserve; def ship; end; def done = (@done ||= []) }
    end

    it "inherits the workflow, runs its own methods, and is its own subject" do
      define("Express", Order) { def reserve = done << :fast }
      object = Express.new
      run = object.start

      expect(object.done).to eq [ :fast ]
      expect(run.subject).to be_an_instance_of(Express)
      expect(Order.new.workflow).to be_none
      work
      until_state(run, :done)
    end

    it "replaces one of the same name, and keeps the others" do
      Order.workflow(:refund) { now :reserve }
      define("Express", Order) { workflow { now :ship } }

      expect(Express.new.start.steps.map(&:name)).to eq [ :ship ]
      expect(Express.new.start(:refund).steps.map(&:name)).to eq [ :reserve ]
      expect(Order.new.start.steps.map(&:name)).to eq %i[reserve ship]
    end

    it "may add a workflow that its parent does not have" do
      define("Express", Order) { workflow(:courier) { now :ship } }

      expect(Express.new.start(:courier)).to be_done
      expect { Order.new.start(:courier) }.to raise_error(Workflow::DefinitionError, /Order has no workflow :courier/)
    end
  end

  describe "a record's type", :records do
    before do
      order = table(:orders) { |t| t.string :type; t.string :seen }
      order.class_eval do
        include Workflow
        workflow { now :reserve; later :ship; await :confirm; later :thank }
        def reserve; end
        def ship = update!(seen: self.class.name)
        def thank = update!(seen: "thanked by #{self.class.name}")
      end
      define("Express", order)
      define("Slow", order)
    end

    it "may change: the run goes on with the methods of the new one" do
      express = Express.start
      run = express.workflow
      slow = express.becomes!(Slow).tap(&:save!)
      expect(slow.workflow.id).to eq run.id
      work
      until_state(run, :waiting)

      expect(Order.find(express.id).seen).to eq "Slow"
      expect(Order.find(express.id).submit(:confirm)).to be_accepted
      until_state(run, :done)
      expect(Slow.find(express.id).seen).to eq "thanked by Slow"
      expect(Order.workflows.map(&:id)).to eq [ run.id ]
    end

    it "lets a type have a workflow of its own under the same name" do
      define("Express", Order) { workflow { now :reserve; later :fly }; def fly = update!(seen: "flown") }
      run = Express.start.workflow
      work
      until_state(run, :done)

      expect(Order.find(run.subject.id).seen).to eq "flown"
      expect(Slow.start.workflow.steps.map(&:name)).to eq %i[reserve ship confirm thank]
    end

    it "is inherited from an abstract class" do
      define("Application", ActiveRecord::Base) { self.abstract_class = true; include Workflow; workflow { now :touch_it }; def touch_it = update!(seen: "touched") }
      define("Thing", Application) { self.table_name = "orders" }

      expect(Thing.start).to have_attributes(seen: "touched", workflow: have_attributes(state: :done))
    end
  end

  describe "a concern" do
    it "declares the same workflow in each class that includes it" do
      concern = billing
      order, invoice = %w[Order Invoice].map { |name| define(name) { include concern } }
      runs = [ order, invoice ].map { |klass| klass.new.start }
      work
      runs.each { |run| until_state(run, :done) }

      expect(order.workflow(:billing)).not_to equal(invoice.workflow(:billing))
      expect(order.workflow.location).to start_with("#{__FILE__}:")
    end

    it "may be included by a parent and a child, and twice" do
      concern = billing
      define("Order") { include concern }
      define("Express", Order) { include concern; include concern }

      expect(Express.new.start.steps.map(&:name)).to eq %i[charge receipt]
    end

    it "may bring a workflow beside the class's own" do
      concern = billing
      define("Order") { include Workflow; workflow { now :reserve }; include concern; def reserve; end }

      expect(Order.new.start.name).to eq :workflow
      expect(Order.new.start(:billing).name).to eq :billing
      expect { define("Wrong") { include concern; workflow(:billing) { now :charge } } }
        .to raise_error(Workflow::DefinitionError, /Wrong has a workflow :billing already, at #{__FILE__}:\d+/)
    end

    it "names the concern's line when a method is missing" do
      concern = billing
      concern.remove_method(:receipt)
      define("Order") { include concern }

      expect { Order.new.start }.to raise_error(Workflow::DefinitionError, /\A#{__FILE__}:\d+: later :receipt needs a method receipt in Order/)
    end
  end

  describe "several workflows of a class" do
    before do
      define("Order") do
        include Workflow
        workflow { later :ship; await :confirm }
        workflow(:refund) { later :check; await :confirm; now :pay }
        %i[ship check pay].each { |name| define_method(name) { } }
      end
    end

    it "run side by side on one object, each found by its name" do
      object = Order.new
      run, refund = object.start, object.start(:refund)
      work
      [ run, refund ].each { |each| until_state(each, :waiting) }

      expect([ object.workflow.id, object.workflow(:refund).id ]).to eq [ run.id, refund.id ]
      expect(object.workflows.map(&:name)).to eq %i[refund workflow]
      expect(refund.submit(:confirm).run).to be_done
      expect(run.reload).to be_waiting
      expect(object.submit(:confirm).run.id).to eq run.id
    end

    it "finds the run that has the step" do
      object = Order.new
      object.start
      object.start(:refund)

      expect(object.now(:check).name).to eq :refund
      expect(object.now(:ship).name).to eq :workflow
    end
  end
end
