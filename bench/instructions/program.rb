# frozen_string_literal: true

require "fileutils"
require "open3"
require "shellwords"
require "tmpdir"
require_relative "profile"

module Bench
  module Instructions
    # driver.c with the object files that the gem was compiled to, and an SQLite: what is run under callgrind.
    class Program
      class Failed < StandardError; end

      # How often each is done while it is counted. A checkpoint, which comes every 500 pages, is not to be much of it.
      WORKLOADS = { "start" => 100, "start_batch" => 100, "step" => 100, "step_batch" => 200, "sequence_batch" => 50, "signup" => 20, "read" => 100, "fold" => 100 }.freeze
      DIRECTORY = "tmp/instructions"
      # The driver's own thread.c takes the place of the core's.
      LEFT_OUT = %w[rb_*.o workflow.o thread.o].freeze
      # The C library chooses its memcpy and others by the processor. These are there on each; and of what `rep stosb` does in one
      # instruction callgrind counts every byte.
      ENVIRONMENT = { "GLIBC_TUNABLES" => "glibc.cpu.hwcaps=-AVX2,-ERMS,-FSRM" }.freeze
      MEMORY = "/dev/shm" # where the store's files lie, where there is such a place

      # @param objects [String] the directory in which `rake compile` builds
      # @param sqlite [Array<String>] what to link: a library's path, or flags
      # @param name [String] of the program
      def initialize(objects, sqlite, name)
        @objects, @sqlite, @path = objects, sqlite, "#{DIRECTORY}/#{name}"
      end

      def build
        FileUtils.mkdir_p(DIRECTORY)
        object = "#{@path}.o"
        run(*compiler, *flags, "-Iext/workflow/core", "-Ispec/core", "-c", "bench/instructions/driver.c", "-o", object)
        run(*compiler, object, *objects, *@sqlite, "-lpthread", "-o", @path)
        self
      end

      # @return [String] the version and source of the SQLite that is in it
      def sqlite = run(@path, "sqlite").strip

      # @return [Profile]
      def profile(workload)
        operations = WORKLOADS.fetch(workload)
        counted = "#{@path}.#{workload}.out"
        Dir.mktmpdir("workflow-instructions", File.writable?(MEMORY) ? MEMORY : nil) do |store|
          run("valgrind", "--tool=callgrind", "--instr-atstart=no", "--callgrind-out-file=#{counted}", @path, workload, operations.to_s, store)
        end
        Profile.new(run("callgrind_annotate", "--threshold=100", "--auto=no", counted), operations)
      end

      # @return [Hash{String => String}] what a count depends on beside the code
      def with
        { "compiler" => run(*compiler, "--version").lines.first.strip, "flags" => flags.reject { |flag| flag.include?("-prefix-map=") }.join(" "),
          "SQLite" => sqlite, "C library" => run("getconf", "GNU_LIBC_VERSION").strip, "valgrind" => run("valgrind", "--version").strip }
      end

      private
        def objects = Dir["#{@objects}/*.o"].sort.reject { |path| LEFT_OUT.any? { |pattern| File.fnmatch(pattern, File.basename(path)) } }

        # How make compiles a file of the core, without the names of files.
        def command
          @command ||= begin
            line = run("make", "-n", "-B", "-C", @objects, "append.o").lines.find { |words| words.include?(" -o append.o") }
            Shellwords.split(line.to_s).take_while { |word| word != "-o" }.reject { |word| word.start_with?("-I") }
          end
        end

        def compiler = command.take_while { |word| !word.start_with?("-") }
        def flags = command.drop(compiler.size)

        def run(*arguments)
          output, errors, status = Open3.capture3(ENVIRONMENT, *arguments, stdin_data: "")
          return output if status.success?
          raise Failed, "#{arguments.first(4).join(" ")} … failed:\n#{errors.lines.last(20).join}#{output.lines.last(5).join}"
        end
    end
  end
end
