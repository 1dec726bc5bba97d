# frozen_string_literal: true

RSpec.describe "the gem" do
  let(:specification) { Gem::Specification.load("workflow.gemspec") }

  it "holds what is needed to build and run it, and nothing else" do
    expect(specification.files).to include("lib/workflow.rb", "lib/workflow/views/workflow/_running.html.erb", "lib/workflow/live.js", "lib/workflow/tasks.rake",
      "lib/puma/plugin/workflow.rb", "lib/generators/workflow/install/templates/binstub.erb", "lib/generators/workflow/workflow/templates/spec.rb.erb",
      "ext/workflow/extconf.rb", "ext/workflow/workflow.c", "ext/workflow/core/wf.h", "exe/workflow")
    expect(specification.files.grep(%r{\A(spec|examples|bench|bin|tmp|vendor)/|\.so\z})).to eq []
    expect(specification.runtime_dependencies.map(&:name)).to eq [ "sqlite3" ]
  end

  it "has a map that names every file" do
    map = File.read("lib/workflow.rb")
    files = Dir["lib/workflow/*.rb"].map { |path| File.basename(path, ".rb") }
    inner = %w[suggestion moment basic_arguments] # required by the one file that uses them

    expect(files.reject { |name| map.include?(%(workflow/#{name}")) } - inner).to eq []
  end

  it "loads without Rails, and without its core" do
    script = 'require "workflow"; puts [ defined?(ActiveSupport), defined?(Workflow::Native), defined?(SQLite3) ].inspect'

    expect(IO.popen([ { "RUBYOPT" => "-w" }, RbConfig.ruby, "-Ilib", "-e", script, err: [ :child, :out ] ], &:read)).to eq "[nil, nil, nil]\n"
  end

  it "runs steps without what only secrets and config/workflow.yml need: OpenSSL alone takes six megabytes" do
    script = <<~RUBY
      require "workflow"
      class Plain
        include Workflow
        def call = 1
      end
      Workflow.configure { |config| config.store = "sqlite:" + ARGV.first }
      Plain.new.later(:call)
      run = Plain.new.workflows.first
      Workflow::Worker.new(threads: 1).start
      position = 0
      until run.reload.done?
        Workflow.engine.wait_log(position, 1000)
        position = Workflow.engine.last_position
      end
      puts [ defined?(OpenSSL), defined?(Psych), defined?(ERB) ].inspect
    RUBY
    Dir.mktmpdir do |dir|
      expect(IO.popen([ RbConfig.ruby, "-Ilib", "-e", script, "#{dir}/log.sqlite3", err: [ :child, :out ] ], &:read)).to eq "[nil, nil, nil]\n"
    end
  end

  it "raises nothing but its own errors" do
    errors = Workflow.constants.map { |name| Workflow.const_get(name) if name != :Helper && !Workflow.autoload?(name) }.grep(Class).select { |klass| klass < StandardError }

    expect(errors - [ Workflow::Error ]).to all(be < Workflow::Error)
    expect(errors.map { |klass| klass.name.delete_prefix("Workflow::") }).to include("DefinitionError", "NotSerializable", "PayloadTooLarge",
      "NotWaiting", "NotPending", "Rejected", "SubjectMissing", "Interrupted", "Cancelled", "StoreError", "StoreUnavailable", "StoreTooNew", "StoreCorrupt")
  end
end
