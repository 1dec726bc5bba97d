# frozen_string_literal: true

# rake core:test builds the core as plain C, with no Ruby header on the include path, and runs spec/core/*_test.c
# on it: once under ASan and UBSan, once under TSan, and fork_test once as it is. CORE_ONLY=turnstile runs only the tests whose name contains it.

require "etc"
require "open3"

class CoreBuild
  CORE = "ext/workflow/core"
  SPEC = "spec/core"
  FLAGS = %w[-std=c11 -D_GNU_SOURCE -DSQLITE_CORE -Wall -Wextra -Werror -pedantic -g -O1].freeze
  INCLUDES = [ "-I#{CORE}", "-I#{SPEC}" ].freeze
  LIBRARIES = %w[-lsqlite3 -lpthread].freeze
  SANITIZERS = {
    asan: %w[-fsanitize=address,undefined -fno-sanitize-recover=all],
    tsan: %w[-fsanitize=thread],
    plain: []
  }.freeze
  # What a sanitizer's allocator does not survive: an engine opened by a child of a process that runs one.
  ONLY = { plain: "fork" }.freeze
  # The tests fork while threads run, which TSan would otherwise refuse to follow.
  ENVIRONMENT = { "TSAN_OPTIONS" => "die_after_fork=0" }.freeze
  SECONDS = Integer(ENV.fetch("CORE_SECONDS", 600))

  include Rake::DSL

  def initialize(sanitizer)
    @sanitizer = sanitizer
    @directory = "tmp/core/#{sanitizer}"
  end

  def define
    tests, common = sources.partition { |source| source.end_with?("_test.c") }
    tests.select! { |source| File.basename(source).include?(ONLY.fetch(@sanitizer) { ENV.fetch("CORE_ONLY", "") }) }
    common.map! { |source| define_object(source) }
    programs = tests.map { |source| define_program(source, [ define_object(source), *common ]) }

    multitask("core:#{@sanitizer}:objects" => common)
    multitask("core:#{@sanitizer}:programs" => programs)
    desc "The C tests #{{ asan: "under ASan and UBSan", tsan: "under TSan", plain: "without a sanitizer" }.fetch(@sanitizer)}"
    task("core:#{@sanitizer}" => [ "core:#{@sanitizer}:objects", "core:#{@sanitizer}:programs" ]) { run_all(programs) }
  end

  private

  def sources = Dir["#{CORE}/*.c", "#{SPEC}/*.c"].sort

  # Each counts as a header of every file.
  def headers = Dir["#{CORE}/*.h", "#{SPEC}/*.h"]

  def compiler = ENV.fetch("CC", "cc")

  def define_object(source)
    object = "#{@directory}/#{File.basename(source, ".c")}.o"
    file(object => [ source, __FILE__, *headers ]) do
      build(*FLAGS, *SANITIZERS.fetch(@sanitizer), *INCLUDES, "-c", source, "-o", object)
    end
    object
  end

  def define_program(source, objects)
    program = "#{@directory}/#{File.basename(source, ".c")}"
    file(program => objects) { build(*SANITIZERS.fetch(@sanitizer), *objects, *LIBRARIES, "-o", program) }
    program
  end

  def build(*arguments)
    mkdir_p @directory, verbose: false
    sh(compiler, *arguments, verbose: Rake.application.options.trace == true)
  end

  def run_all(programs)
    abort "No test in #{SPEC} is named like #{ENV["CORE_ONLY"]}." if programs.empty?

    waiting = Thread::Queue.new(programs).close
    failed = Array.new(Etc.nprocessors) { Thread.new { run_some(waiting) } }.flat_map(&:value)
    abort "Failed under #{@sanitizer}: #{failed.map { |program| File.basename(program) }.join(", ")}" if failed.any?
  end

  # As many at once as there are processors: most of what they do is wait.
  def run_some(waiting)
    failed = []
    while (program = waiting.pop)
      failed << program unless run(program)
    end
    failed
  end

  def run(program)
    began = now
    output, status = Open3.popen2e(ENVIRONMENT, *launcher, program, pgroup: true) do |input, out, process|
      input.close
      reader = Thread.new { out.read }
      Process.kill(:KILL, -process.pid) unless process.join(SECONDS)
      [ reader.value, process.value ]
    end
    $stdout.print(told(program, status, now - began, output))
    status.success?
  end

  def told(program, status, seconds, output)
    line = format("%-6s %-4s %-28s %5.1f s  %s", status.success? ? "ok" : "FAILED", @sanitizer, File.basename(program), seconds, output.lines.last.to_s.strip)
    "#{line}\n#{output unless status.success?}"
  end

  # TSan of GCC 12 cannot place its shadow where a new kernel's random addresses may lie.
  def launcher
    return [] unless @sanitizer == :tsan

    @launcher ||= system("setarch", "-R", "true", out: File::NULL, err: File::NULL) ? %w[setarch -R] : []
  end

  def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
end

CoreBuild::SANITIZERS.each_key { |sanitizer| CoreBuild.new(sanitizer).define }

desc "The C tests of the core, under the sanitizers and without"
task("core:test" => %w[core:asan core:tsan core:plain])
