# frozen_string_literal: true

require "sqlite3"
require_relative "../harness/figures"
require_relative "counts"
require_relative "program"

module Bench
  module Instructions
    # All workloads, counted once.
    class Measurement
      COSTLIEST = 10
      PROCESSES = 2

      # With the SQLite that the sqlite3 gem has loaded; where it carries its own inside, which cannot be linked, with the system's.
      # @param objects [String] the directory in which `rake compile` builds
      # @return [Measurement]
      def self.as_in_real_life(objects)
        library = File.readlines("/proc/self/maps").filter_map { |line| line[%r{/\S*libsqlite3\.so\S*}] }.first
        new(Program.new(objects, [ library || "-lsqlite3" ], "driver").build, gems_own: !library.nil?)
      end

      # With the system's static SQLite: a shared one has no names for the functions that it keeps to itself. Its counts differ by
      # about a hundredth.
      def self.with_names(objects)
        new(Program.new(objects, %w[-l:libsqlite3.a -lm -ldl], "driver-named").build, gems_own: false)
      end

      def initialize(program, gems_own:)
        @program, @gems_own = program, gems_own
        @profiles = profiles(Program::WORKLOADS.keys)
      end

      # @return [Counts]
      def counts
        with = @program.with
        with["SQLite"] += ", which is not the sqlite3 gem's own" unless @gems_own
        Counts.new(with, @profiles.transform_values { |profile| [ profile.per_operation, *Profile::PARTS.map { |part| profile.per_operation(part) } ] })
      end

      # @return [String] for each workload the costliest functions: of the core and of SQLite, beside each other
      def costliest = @profiles.map { |workload, profile| side_by_side(workload, profile) }.join("\n")

      private
        def profiles(workloads)
          queue = Queue.new(workloads).close
          found = Array.new(PROCESSES) { Thread.new { counted_of(queue) } }.map(&:value).reduce(:merge)
          workloads.to_h { |workload| [ workload, found.fetch(workload) ] }
        end

        def counted_of(queue)
          found = {}
          while (workload = queue.pop)
            found[workload] = @program.profile(workload)
          end
          found
        end

        def side_by_side(workload, profile)
          ours, theirs = %i[core sqlite].map { |part| profile.costliest(part, COSTLIEST) }
          lines = Array.new([ ours.size, theirs.size ].max) { |i| [ *(ours[i] || [ "", nil ]), *(theirs[i] || [ "", nil ]) ] }
          format("%-40s  %s\n", workload, "SQLite") +
            lines.map { |name, count, other, others| format("  %-29s %8s  %-33s %8s\n", name, written(count), other, written(others)) }.join
        end

        def written(count) = count ? Figures.group(count) : ""
    end
  end
end
