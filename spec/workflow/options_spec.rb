# frozen_string_literal: true

RSpec.describe Workflow::Options do
  def check(kind, **given) = described_class.check(kind, given, "order.rb:5: a step")

  {
    after: [ nil, "a", [ "a" ], [ :a, :a ], {}, 5 ],
    if: [ nil, true, [], "paid?", :"not a name", [ :paid?, nil ], ->(_a, _b) { }, ->(k:) { k } ],
    unless: [ nil, [], { a: 1 } ],
    wait: [ nil, 0, -1, "2 days", Float::NAN, 11 * 365 * 86_400 ]
  }.each do |option, values|
    values.each do |value|
      it "refuses #{option}: #{value.is_a?(Proc) ? "a proc of #{value.parameters}" : value.inspect}" do
        %i[step await].each do |kind|
          expect { check(kind, option => value) }
            .to raise_error(Workflow::DefinitionError, /\Aorder.rb:5: a step: #{option}: must be .* not #{Regexp.escape(value.inspect)}/)
        end
      end
    end
  end

  it "takes the graph's options for steps and awaits" do
    given = { after: %i[a b], if: [ :paid?, -> { true } ], unless: ->(order) { order }, wait: 0.5 }

    expect(%i[step await].map { |kind| check(kind, **given) }).to all(eq(given))
    expect(check(:step, after: [])).to eq(after: [])
  end

  it "takes result: for steps and single methods" do
    expect([ check(:step, result: true), check(:method, result: false) ]).to eq [ { result: true }, { result: false } ]
    expect { check(:step, result: :yes) }.to raise_error(Workflow::DefinitionError, /result: must be true or false, not :yes/)
    expect { check(:await, result: true) }
      .to raise_error(Workflow::DefinitionError, /the option result: is not built yet\. Leave it out\. It takes expires_in:, otherwise:, after:, .*, by:, renew:\.\z/)
  end

  it "takes by: and renew: for awaits only, and says what is good" do
    expect(check(:await, by: :link, renew: :send_link)).to eq(by: :link, renew: :send_link)
    [ nil, true, "link", :links, [ :link ] ].each do |value|
      expect { check(:await, by: value) }.to raise_error(Workflow::DefinitionError, /\Aorder.rb:5: a step: by: must be :link .*, not #{Regexp.escape(value.inspect)}\./)
    end
    expect { check(:await, renew: :send_link) }.to raise_error(Workflow::DefinitionError, /renew: says which method sends a new link or code, so it needs by: :link or by: :code/)
    expect { check(:step, by: :link) }.to raise_error(Workflow::DefinitionError, /takes no option by:/)
  end

  it "takes fields: for awaits only" do
    expect(check(:await, fields: { code: String })).to eq(fields: { code: String })
    expect { check(:step, fields: {}) }.to raise_error(Workflow::DefinitionError, /takes no option fields:/)
  end

  { timeout: [ nil, 0, -1, 0.0001, 1e12, "30", :long, Float::NAN, Float::INFINITY, Complex(1, 1) ], once: [ nil, 1, "yes", [] ] }.each do |option, values|
    values.each do |value|
      it "refuses #{option}: #{value.inspect}, and says what is good" do
        %i[step method].each do |kind|
          expect { check(kind, option => value) }
            .to raise_error(Workflow::DefinitionError, /\Aorder.rb:5: a step: #{option}: must be (a number of seconds, .*30|true or false).* not #{Regexp.escape(value.inspect)}/)
        end
      end
    end
  end

  it "takes timeout: and once: for steps and single methods, not for awaits" do
    expect(check(:step, timeout: 0.5, once: true, give_up_on: IOError)).to include(timeout: 0.5, once: true)
    expect(check(:method, timeout: 30, once: false, retries: 3)).to include(once: false)
    %i[timeout once].each { |option| expect { check(:await, option => 1) }.to raise_error(Workflow::DefinitionError, /takes no option #{option}:/) }
  end

  { "lambda of none": -> { 1 }, "lambda of two": ->(_a, _b) { 1 }, "lambda of a keyword": ->(attempt, by:) { attempt + by },
    "lambda of no more than a keyword": ->(by: 1) { by }, "proc of two": proc { |_a, _b| 1 }, "proc of two and more": proc { |_a, _b, *| 1 },
    "proc of a keyword": proc { |attempt, by:| attempt + by } }.each do |what, value|
    it "refuses a backoff: #{what}, before an attempt has failed" do
      expect { check(:step, backoff: value) }.to raise_error(Workflow::DefinitionError, /\Aorder.rb:5: a step: backoff: must be .* a proc of the attempt, not/)
    end
  end

  it "takes a backoff: proc that can be called with the attempt" do
    [ ->(attempt) { attempt }, ->(*attempts) { attempts.sum }, ->(attempt, most = 9) { [ attempt, most ].min }, proc { 1 }, proc { |attempt, most = 9| [ attempt, most ].min }, :itself.to_proc ].each do |value|
      expect(check(:step, backoff: value)).to eq(backoff: value)
    end
  end

  { retries: 0, backoff: :constant, retry_on: IOError }.each do |option, value|
    it "refuses #{option}: beside once: true" do
      expect { check(:step, once: true, option => value) }
        .to raise_error(Workflow::DefinitionError, /\Aorder.rb:5: a step: once: true says that it is never started twice, and #{option}: .* a person can always retry/)
    end
  end

  it "takes for retry_on: and give_up_on: what a step can fail by" do
    own = Class.new { def self.===(error) = error.message == "again" }
    good = [ Exception, StandardError, IOError, Errno::ENOENT, NotImplementedError, ScriptError, SystemStackError, Module.new, own, [ IOError, KeyError ] ]

    expect(good.map { |value| check(:step, retry_on: value) && check(:method, give_up_on: value) }).to eq(good.map { |value| { give_up_on: value } })
  end

  it "says that a class in retry_on: is no error, or that every object has the module" do
    said = /retry_on: must be an error class .*StandardError, ScriptError or SystemStackError; a module is one that not every object has/

    expect { check(:step, retry_on: Interrupt) }.to raise_error(Workflow::DefinitionError, /#{said}.* not Interrupt/)
    expect { check(:step, retry_on: Kernel) }.to raise_error(Workflow::DefinitionError, /#{said}.* not Kernel/)
  end

  it "refuses an error that is both retried and given up on, but not a part of one" do
    expect { check(:step, retry_on: [ IOError, KeyError ], give_up_on: KeyError) }
      .to raise_error(Workflow::DefinitionError, /\Aorder.rb:5: a step: retry_on: says that KeyError is tried again, and give_up_on: that it is not/)
    expect(check(:step, retry_on: IOError, give_up_on: EOFError)).to include(give_up_on: EOFError)
  end

  it "refuses more tags than a run has" do
    tags = ->(count) { (1..count).to_h { |number| [ :"tag_#{number}", number ] } }

    expect(check(:workflow, tags: { **tags.call(20), left_out: nil })).to include(:tags)
    expect { check(:workflow, tags: tags.call(21)) }.to raise_error(Workflow::DefinitionError, /tags: must be .* \(at most 20/)
  end

  it "has no graph for single methods" do
    %i[after if unless wait].each do |option|
      expect { check(:method, option => :a) }.to raise_error(Workflow::DefinitionError, /#{option}: is not built yet/)
    end
  end
end
