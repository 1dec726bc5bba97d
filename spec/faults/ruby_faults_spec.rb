# frozen_string_literal: true

require "spec_helper"
require "fileutils"
require "open3"

# Faults planted in a copy of the gem's Ruby, one at a time: each breaks a rule, and an example of spec says so.
RSpec.describe "planted faults in Ruby" do
  # A patch, and the example that its second line names: "# Caught by: FILE: DESCRIPTION".
  class RubyFault
    attr_reader :path, :rule, :file, :example

    def initialize(path)
      @path = path
      @rule = head(/\A# Rule broken: (.+)$/)
      @file, @example = head(/^# Caught by: (.+)$/).match(/\A(\S+_spec\.rb): (.+)\z/).captures
    end

    def name = File.basename(path, ".patch")
    def sources = File.read(path).scan(%r{^\+\+\+ b/(\S+)}).flatten

    private

    def head(line) = File.read(path)[line, 1] || raise("#{path} lacks its #{line.source}")
  end

  # What the examples of spec/workflow need, in a directory of its own.
  class RubyCopy
    ROOT = File.expand_path("../..", __dir__)
    COPIED = %w[.rspec lib bin exe ext Gemfile Gemfile.lock workflow.gemspec spec/spec_helper.rb spec/support spec/workflow].freeze
    LINKED = %w[vendor .bundle].freeze

    def initialize(directory)
      @directory = directory
      COPIED.each { |path| copy(path) if File.exist?("#{ROOT}/#{path}") }
      LINKED.each { |path| File.symlink("#{ROOT}/#{path}", "#{directory}/#{path}") if File.exist?("#{ROOT}/#{path}") }
    end

    def plant(fault)
      raise "#{fault.name} changes more than lib" unless fault.sources.all? { |source| source.match?(%r{\Alib/.+\.(rb|erb)\z}) }
      output, status = run("patch", "-p1", "--batch", "--forward", "-i", fault.path)
      raise output unless status.success?
    end

    # @return [String] what RSpec says of that one example
    def try(fault) = run("bundle", "exec", "rspec", fault.file, "--example", fault.example).first

    private

    def copy(path)
      FileUtils.mkdir_p(File.dirname("#{@directory}/#{path}"))
      FileUtils.cp_r("#{ROOT}/#{path}", "#{@directory}/#{path}")
    end

    def run(*command) = Bundler.with_unbundled_env { Open3.capture2e({ "RUBYOPT" => "-W0" }, *command, chdir: @directory) }
  end

  faults = Dir[File.join(__dir__, "ruby/*.patch")].sort.map { |path| RubyFault.new(path) }

  it "are at least the one that has to be" do
    expect(faults.map(&:name)).to include("replay_turned_off")
  end

  faults.each do |fault|
    it "#{fault.name} is caught by #{fault.file}" do
      Dir.mktmpdir("workflow-fault") do |directory|
        copy = RubyCopy.new(directory)
        expect(copy.try(fault)).to match(/^1 example, 0 failures$/)
        copy.plant(fault)
        said = copy.try(fault)

        expect(said).to match(/^1 example, 1 failure$/), "nothing noticed: #{fault.rule}\n#{said}"
        puts "    fault #{fault.name}: caught by #{fault.file}: #{fault.example}"
      end
    end
  end
end
