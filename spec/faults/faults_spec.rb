# frozen_string_literal: true

require "spec_helper"
require "fileutils"
require "open3"

# Faults planted in a copy of the core, one at a time: each breaks a rule, and a test of spec/core says so.
RSpec.describe "planted faults" do
  # A patch, and the test that its second line names: "# Caught by: PROGRAM TEST", or "… TEST: SCENARIO".
  class Fault
    attr_reader :path, :rule, :program, :test, :scenario

    def initialize(path)
      @path = path
      @rule = head(/\A# Rule broken: (.+)$/)
      @program, @test, @scenario = head(/^# Caught by: (.+)$/).match(/\A(\w+) (\w+)(?:: (.+))?\z/).captures
    end

    def name = File.basename(path, ".patch")

    # A check in the test itself, or its end: what a test waits for after a failed check may take its time.
    def noticed = /^FAILED #{test}$|: #{test}: not so: /

    def sources = File.read(path).scan(%r{^\+\+\+ b/(\S+)}).flatten

    private

    def head(line) = File.read(path)[line, 1] || raise("#{path} lacks its #{line.source}")
  end

  # The core as plain C in a directory of its own. What a fault leaves as it is, is built once.
  class FaultBuild
    ROOT = File.expand_path("../..", __dir__)
    CORE = "ext/workflow/core"
    SPEC = "spec/core"
    FLAGS = %W[-std=c11 -D_GNU_SOURCE -DSQLITE_CORE -O1 -I#{CORE} -I#{SPEC}].freeze
    LIBRARIES = %w[-lsqlite3 -lpthread].freeze
    SECONDS = 120

    def self.compiler = ENV.fetch("CC", "cc")

    def self.missing
      [ compiler, "patch" ].reject { |tool| system(tool, "--version", out: File::NULL, err: File::NULL) }
    end

    def initialize(directory)
      @directory = directory
      @whole = copy(ROOT, "whole")
    end

    # The program, built of the copy and, where nothing was changed, of what was built before.
    def build(program, root = @whole, changed = [])
      compile(@whole, objects_of(@whole).reject { |object, _| File.exist?(object) })
      compile(@whole, test_object(program)) unless File.exist?(test_object(program).keys.first)
      compile(root, changed.to_h { |source| [ object(root, source), source ] })
      kept = objects_of(@whole).filter_map { |object, source| object unless changed.include?(source) }
      objects = [ *test_object(program).keys, *kept, *changed.map { |source| object(root, source) } ]
      File.join(root, program).tap { |path| run!(self.class.compiler, *objects, *LIBRARIES, "-o", path) }
    end

    # A copy with the fault in it, and the program that is to find it.
    def plant(fault)
      root = copy(@whole, fault.name)
      run!("patch", "-p1", "--batch", "--forward", "-i", fault.path, chdir: root)
      raise "#{fault.name} changes more than the core's .c files" unless fault.sources.all? { |source| source.match?(%r{\A#{CORE}/\w+\.c\z}) }
      build(fault.program, root, fault.sources)
    end

    # What the tests of those names say, and whether all passed; no more is heard after a line that says all there is to know.
    def run(program, *tests, enough: nil)
      output, status = Open3.popen2e({ "TMPDIR" => @directory }, program, *tests, pgroup: true) do |input, out, process|
        input.close
        reader = Thread.new { hear(out, enough) }
        kill(process.pid) unless reader.join(SECONDS)&.value&.last == :ended
        [ reader.value.first, process.value ]
      end
      [ output, status.success? == true ]
    end

    private

    def copy(from, name)
      root = File.join(@directory, name)
      [ CORE, SPEC ].each do |sources|
        FileUtils.mkdir_p(File.join(root, sources))
        FileUtils.cp(Dir[File.join(from, sources, "*.[ch]")], File.join(root, sources))
      end
      root
    end

    def object(root, source) = File.join(root, "#{File.basename(source, ".c")}.o")

    def objects_of(root) = Dir.glob("#{CORE}/*.c", base: root).sort.to_h { |source| [ object(root, source), source ] }

    def test_object(program) = { object(@whole, program) => "#{SPEC}/#{program}.c" }

    # Two at a time: a core is small, and the compiler is what takes the time.
    def compile(root, sources)
      sources.each_slice(2) do |pair|
        pair.map { |object, source| Thread.new { run!(self.class.compiler, *FLAGS, "-c", source, "-o", object, chdir: root) } }.each(&:value)
      end
    end

    def hear(out, enough)
      heard = +""
      out.each_line { |line| heard << line && enough&.match?(line) && (return [ heard, :enough ]) }
      [ heard, :ended ]
    end

    def kill(group)
      Process.kill(:KILL, -group)
    rescue Errno::ESRCH
      nil # it has just ended by itself
    end

    def run!(*command, **options)
      output, status = Open3.capture2e(*command, **options)
      raise "#{command.join(" ")}:\n#{output}" unless status.success?
    end
  end

  faults = Dir[File.join(__dir__, "*.patch")].sort.map { |path| Fault.new(path) }

  before(:context) do
    missing = FaultBuild.missing
    raise "#{missing.join(" and ")} lacking" if missing.any? && ENV["CI"] == "true"
    skip "#{missing.join(" and ")} lacking" if missing.any?

    @directory = Dir.mktmpdir("workflow-faults")
    @build = FaultBuild.new(@directory)
  end

  after(:context) { FileUtils.rm_rf(@directory) if @directory }

  it "are at least the five that have to be" do
    expect(faults.map(&:name)).to include("fence_not_checked", "expiry_beats_a_claimed_submit", "join_counts_twice", "crash_of_a_neighbour",
      "skipped_step_blocks")
  end

  faults.each do |fault|
    it "#{fault.name} is caught by #{fault.test}" do
      output, passed = @build.run(@build.plant(fault), fault.test, enough: fault.noticed)
      expect(passed).to be(false), "nothing noticed: #{fault.rule}\n#{output}"
      expect(output).to match(fault.noticed)
      expect(output).to include("#{fault.scenario}: after ") if fault.scenario
      puts "    fault #{fault.name}: caught by #{[ fault.test, fault.scenario ].compact.join(": ")}"
    end
  end

  faults.group_by(&:program).each do |program, of_program|
    it "are what #{program} fails of: without them it passes" do
      tests = of_program.map(&:test).uniq
      output, passed = @build.run(@build.build(program), *tests)
      expect(passed).to be(true), output
      expect(output.scan(/^ok +(\w+)$/).flatten).to include(*tests)
    end
  end
end
