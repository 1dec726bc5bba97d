# frozen_string_literal: true

RSpec.describe Workflow::Run::Finding do
  describe "by an id" do
    it "gives the run as it is now" do
      define("Order") { include Workflow; workflow { await :confirm; await :sign } }
      run = Order.start.workflow
      Order.new.submit(:confirm)
      found = Workflow::Run.find(run.id)

      expect(found).to have_attributes(id: run.id, state: :waiting, waiting_for: :sign, existing?: false)
      expect(found.subject).to be_an(Order)
      expect(found.submit(:sign)).to be_accepted
    end

    it "gives that of a method, and of a workflow that is over" do
      define("Order") { include Workflow; def call = 5 }
      Order.new.now(:call)

      expect(Workflow::Run.find(Order.new.workflow(:call).id)).to have_attributes(name: :".call", state: :done)
    end

    it "says of what it does not find what was looked for where" do
      expect { Workflow::Run.find("0samct4er0000") }.to raise_error(Workflow::RunMissing, /\AThe log sqlite:\S+log.sqlite3 has no run "0samct4er0000"\. Either it is another log /)
    end

    [ nil, 5, :"0samct4er0000", "", "nonsense", "0samct4er0000\n", "0SAMCT4ER0000", "0samct4er000\0", "\xFF" * 13, "0samct4er0000".encode("UTF-16LE"), "x" * 100_000, [ "0samct4er0000" ] ].each do |given|
      it "refuses #{given.inspect[0, 40]}" do
        expect { Workflow::Run.find(given) }.to raise_error(Workflow::RunMissing, / is no id of a run\. One has 13 letters and digits, /) { |error| expect(error.message.size).to be < 250 }
      end
    end

    it "gives one whose class is gone, which can be looked at and cancelled" do
      define("Gone") { include Workflow; workflow { now :reserve; await :confirm }; def reserve = nil }
      id = Gone.start.workflow.id
      hide_const("Gone")
      run = Workflow::Run.find(id)

      expect(run).to have_attributes(state: :waiting, waiting_for: :confirm)
      expect(run.inspect).to match(/\A#<Workflow::Run #{id} Gone\S* waiting v\d+>\z/)
      expect(run.events.map(&:kind)).to include(:run_started, :input_requested)
      expect(run.to_h).to include(id: id, state: :waiting)
      expect { run.subject }.to raise_error(Workflow::DefinitionError, /Gone/)
      expect(run.pause).to be_paused
      expect(run.cancel(reason: "gone")).to have_attributes(state: :cancelled, reason: "gone")
    end

    it "gives one whose record is gone", :records do
      table(:orders) { |t| t.string :name }.class_eval { include Workflow; workflow { await :confirm } }
      order = Order.start
      order.delete

      expect(Workflow::Run.find(order.workflow.id).cancel).to be_cancelled
    end
  end
end
