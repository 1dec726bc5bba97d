# frozen_string_literal: true

require "action_controller"

# What `submit` is given.
RSpec.describe Workflow::Input do
  let(:seen) { [] }

  def awaiting(fields: nil, &block)
    seen = self.seen
    define("Waiting") do
      include Workflow
      workflow { await :confirm, **{ fields: fields }.compact }
      define_method(:confirm, &block) if block
      define_method(:see) { |value| seen << value }
    end
    Waiting.new.tap(&:start)
  end

  def parameters(...) = ActionController::Parameters.new(...)

  it "is keywords, a hash, or parameters, of which the fields are taken" do
    object = awaiting(fields: { code: String, note: [ String, nil ] }) { |**input| see(input) && reject("again") }
    object.submit(:confirm, code: "1")
    object.submit(:confirm, { "code" => "1", note: "n" })
    object.submit(:confirm, { "code" => "1" }, note: "n")
    object.submit(:confirm, parameters(code: "1", admin: true))
    object.workflow.submit(:confirm, parameters(code: "1"), note: "n")

    one, both = { code: "1", note: nil }, { code: "1", note: "n" }
    expect(seen).to eq [ one, both, both, one, both ]
    expect(object.submit(:confirm, parameters(code: { a: 1 })).errors[:code]).to eq [ "must be text" ]
    expect([ object.submit(:confirm, nil), object.submit(:confirm) ].map { |submission| submission.errors[:code] }.uniq).to eq [ [ "is missing" ] ]
    expect(object.submit(:confirm, { admin: 1, code: "1" }).errors.full_messages).not_to be_empty
    expect(object.submit(:confirm, { 1 => 2, code: "1" }).errors[:base]).to eq [ "What was given is not a field of confirm" ]
    expect { object.submit(:confirm, "1") }.to raise_error(ArgumentError, /submit\(:confirm\) takes its input as keywords, a hash or parameters, not "1"/)
  end

  it "goes as it is to an await without fields, once it is permitted" do
    object = awaiting { |code:| see(code) && reject("again") }
    object.submit(:confirm, { "code" => "1" })
    object.submit(:confirm, "code" => "2")
    object.submit(:confirm, { code: "1" }, "code" => "3")
    object.submit(:confirm, parameters(code: "4").permit(:code))

    expect(seen).to eq %w[1 2 3 4]
    expect { object.submit(:confirm, parameters(code: "1")) }.to raise_error(ArgumentError, /parameters that are not permitted.*Write await :confirm, fields: \{ … \}/)
    expect { object.submit(:confirm, 1 => 2) }.to raise_error(ArgumentError, /was given 1 for a name/)
    expect { object.submit(:confirm, code: parameters(a: 1)) }.to raise_error(Workflow::BadInput, /the input of confirm/)
  end

  [
    [ "takes no input, and code: was given", -> { }, { code: 1 } ],
    [ "requires code:, which was not given", ->(code:) { }, {} ],
    [ "does not take coed:, which was given. Did you mean code?", ->(code: 1) { }, { coed: 1 } ],
    [ "requires input, and nothing was given", ->(input) { }, {} ],
    [ "requires one without a keyword", ->(one, two: 1) { }, { two: 1 } ]
  ].each do |said, method, input|
    it "says that a method #{said}, and leaves the await as it is" do
      object = awaiting(&method)
      version = object.workflow.version

      expect { object.submit(:confirm, **input) }.to raise_error(ArgumentError, /\Asubmit\(:confirm\): Waiting#confirm \(.*input_spec.rb:\d+\) #{Regexp.escape(said)}/)
      expect(object.workflow.version).to eq version
    end
  end

  {
    "a hash" => [ ->(input) { see(input) }, { a: 1 }, { a: 1 } ], "nothing" => [ ->(input = 1) { see(input) }, {}, 1 ],
    "a list" => [ ->(*all) { see(all) }, { a: 1 }, [ { a: 1 } ] ], "the rest" => [ ->(a: 1, **more) { see([ a, more ]) }, { b: 2 }, [ 1, { b: 2 } ] ]
  }.each do |what, (method, input, taken)|
    it "can be #{what}, where Ruby would take it" do
      expect(awaiting(&method).submit(:confirm, **input)).to be_accepted
      expect(seen).to eq [ taken ]
    end
  end

  it "does not matter where nothing is awaited" do
    object = awaiting { }
    object.submit!(:confirm)

    expect(object.submit(:confirm, more: 1).errors.full_messages).to eq [ "confirm is already done." ]
  end
end
