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
    "a: [" => /places.yml is not YAML/
  }.each do |text, message|
    it "names the file of: #{text}" do
      signup
      expect { read(text).tap { |places| places.of(Signup) }.verify }.to raise_error(Workflow::DefinitionError, message)
    end
  end
end
