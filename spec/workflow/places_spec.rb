# frozen_string_literal: true

RSpec.describe Workflow::Places do
  let(:file) { "#{@directory}/places.yml" }
  let(:signup) do
    define("Signup") do
      include Workflow
      workflow { now :create; later :send; await :activate }
    end
  end

  def read(text, environment: "test")
    File.write(file, text)
    described_class.read(file, environment)
  end

  it "is empty without a file" do
    expect(described_class.read("#{@directory}/none.yml", "test").of(signup)).to eq({})
  end

  it "says where a step runs in an environment" do
    text = "production: {steps: {Signup: {create: later, send: <%= 'now' %>}}}\n"

    expect(read(text, environment: "production").of(signup)).to eq(create: :later, send: :now)
    expect(read(text).of(signup)).to eq({})
  end

  it "knows an application's environments, and what is merged into them" do
    FileUtils.mkdir_p("#{@directory}/environments")
    File.write("#{@directory}/environments/production.rb", "")

    expect(read("default: &all {steps: {Signup: {create: later}}}\nstaging: {<<: *all}\ntest: {<<: *all}\n").of(signup)).to eq(create: :later)
    expect(read("production: {steps: {}}\nproduction_eu: {steps: {Signup: {create: later}}}\n", environment: "production").of(signup)).to eq({})
    expect { read("prodution: {steps: {}}") }.to raise_error(Workflow::DefinitionError, /there is no environment prodution. Did you mean production\?/)
  end

  it "holds for subclasses, which may say otherwise" do
    child = define("Child", signup)
    text = "test: {steps: {Child: {create: now}, Signup: {create: later, send: now}}}\n"

    expect(read(text).of(child)).to eq(create: :now, send: :now)
  end

  it "holds for what a subclass still has, which replaces the workflow" do
    child = define("Child", signup) { workflow { now :create; later :activate } }
    text = "test: {steps: {Signup: {create: later, send: now}}}\n"

    expect(read(text).of(child)).to eq(create: :later)
    expect { read("test: {steps: {Child: {send: now}}}").of(child) }.to raise_error(Workflow::DefinitionError, /Child has no step send/)
  end

  it "is that of a step, though another workflow of the class awaits one of its name" do
    signup.workflow(:renewal) { later :activate }
    text = "test: {steps: {Signup: {activate: now}}}\n"

    expect(read(text).of(signup)).to eq(activate: :now)
  end

  {
    "test: {steps: {Signup: {crete: later}}}" => /places.yml: Signup has no step crete. Did you mean create\?/,
    "test: {steps: {Signup: {create: latr}}}" => /places.yml: Signup: create: must be now or later, not "latr". Did you mean later\?/,
    "test: {steps: {Signup: {activate: now}}}" => /places.yml: Signup: activate is awaited/,
    "test: {steps: {Signp: {create: now}}}" => /places.yml: there is no class Signp/,
    "test: {steps: {String: {create: now}}}" => /places.yml: String does not include Workflow/,
    "test: {stps: {Signup: {}}}" => /places.yml: there is no setting stps. Did you mean steps\?/,
    "test: {steps: [ 1 ]}" => /places.yml: steps must be a mapping/,
    "test: 5" => /must be a mapping, not 5/,
    "- 1" => /places.yml: expected environments/,
    "test: {steps: {signup: {create: now}}}" => /places.yml: there is no class signup/,
    "test: {steps: {Signup: {1: now}}}" => /places.yml: Signup has no step 1/,
    "test: {steps: {Signup: {create: 1}}}" => /places.yml: Signup: create: must be now or later, not 1/,
    "steps: {Signup: {create: now}}" => /places.yml: steps must be under an environment: test: \{ steps: … \}/,
    "tset: {steps: {}}" => /places.yml: there is no environment tset. Did you mean test\?/,
    "<%= nothing_such %>" => /places.yml: its ERB raises NameError: undefined local variable or method `?'?nothing_such/,
    "<% if %>" => /places.yml: its ERB raises SyntaxError/,
    "a: [" => /places.yml is not YAML/
  }.each do |text, message|
    it "names the file of: #{text}" do
      signup
      expect { read(text).tap { |places| places.of(Signup) }.verify }.to raise_error(Workflow::DefinitionError, message)
    end
  end
end
