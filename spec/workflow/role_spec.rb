# frozen_string_literal: true

RSpec.describe Workflow::Role do
  def by_of(program)
    script = "require 'workflow'; $PROGRAM_NAME = ARGV[0]; puts Workflow::Role.by"
    IO.popen([ RbConfig.ruby, "-Ilib", "-e", script, "--", program ], &:read)
  end

  { "/usr/bin/puma" => "web", "puma: cluster worker 0: 4711 [app]" => "web", "/x/unicorn" => "web", "irb" => "console",
    "/usr/bin/rake" => "rake", "/app/bin/import" => "import", "-e" => "ruby" }.each do |program, role|
    it "is #{role} in #{program}" do
      expect(by_of(program)).to match(/\A#{role}:\d+@\S+\n\z/)
    end
  end

  it "is worker on worker threads, and web and console under Rails" do
    expect(Thread.new { described_class.work && described_class.by }.value).to start_with("worker:")
    stub_const("Rails::Server", Class.new)
    expect(described_class.by).to start_with("web:")
    hide_const("Rails::Server")
    stub_const("Rails::Console", Class.new)
    expect(described_class.by).to start_with("console:")
  end
end
