# frozen_string_literal: true

require "open3"
require "pty"
require "timeout"
require "tmpdir"
require_relative "../../bin/support/readme_part"

# The commands of README.md for an application that is not of Rails, as they stand there, in a folder with the file that they are about.
RSpec.describe "README.md, without Rails" do
  around { |example| Dir.mktmpdir { |directory| (@directory = directory) && example.run } }

  it "starts in one process what another one runs" do
    part = ReadmePart.new("Without Rails", File.expand_path("../../README.md", __dir__))
    file, start, work = part.things
    expect(file.path).to eq "reindex.rb"
    File.write("#{@directory}/reindex.rb", file.text)

    said, = Open3.capture2e(environment, start.text, chdir: @directory)
    expect(said).to match(%r{\A#<Workflow::Run \w+ Reindex/\[\]#workflow running v2>\n\z})
    PTY.spawn(environment, work.text, chdir: @directory) do |output, _, pid|
      expect(Timeout.timeout(60) { Array.new(3) { output.gets } }.last(2)).to eq %W[collecting\r\n publishing\r\n]
    ensure
      Process.kill("TERM", pid)
    end
  end

  # As a shell of its own has them: this process is under Bundler already.
  def environment = { **ENV.to_h { |name, _| [ name, nil ] }, **Bundler.unbundled_env, "BUNDLE_GEMFILE" => File.expand_path("../../Gemfile", __dir__) }
end
