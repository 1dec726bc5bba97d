# frozen_string_literal: true

require "tempfile"
require_relative "../harness/usage"
require_relative "../harness/ending"
require_relative "workload"

module Bench
  # (j) A worker as it is started from the command line, without Rails: what it uses when it has run 10,000 jobs and has nothing to do.
  #
  # Each job writes its number into a file. When all are there, and the worker has had time to come to rest, its PSS is read, and over
  # the idle seconds the processor's ticks and the voluntary context switches of all its threads. How often it asks its store is counted
  # over as many seconds again, since who counts may disturb: ours by strace, as locks that SQLite takes to read; Sidekiq's by Redis.
  class Resident < Workload
    METRICS = {
      "pss" => [ "PSS, MiB", false ], "cpu" => [ "processor, % of one", false ], "wake_ups" => [ "wake-ups per second", false ],
      "queries" => [ "queries to the store in ten seconds", false ]
    }.freeze
    LOOK_S = 0.05
    REST_S = 1
    PATIENCE_S = 600

    def self.title(seconds) = "(j) a worker of #{THREADS} threads from the command line, after its jobs, over #{seconds} idle seconds"
    def self.settings(quick:) = [ quick ? 5 : 60 ]
    def self.count(_, fast:, quick:) = quick ? 200 : 10_000

    def measure
      @contender.prepare
      @contender.enqueue(:resident, numbers.to_a)
      Tempfile.create("ran") { |file| with_worker(file) { |pid| told(figures(pid), Faults.between(numbers, file.each_line.map { |line| Integer(line) })) } }
    end

    private
      def with_worker(file)
        pid = spawn({ "BENCH_RAN" => file.path, **@contender.resident_environment }, *@contender.resident_command(THREADS), out: :err)
        wait_for_jobs(pid, file)
        yield pid
      ensure
        Ending.of(pid) if pid
      end

      def wait_for_jobs(pid, file)
        bytes = numbers.sum { |number| number.to_s.size + 1 }
        deadline = Clock.now + PATIENCE_S
        until file.size >= bytes && @contender.drained?
          raise "the worker ended" if Process.wait(pid, Process::WNOHANG)
          raise "the worker did not run all jobs" if Clock.now > deadline
          sleep LOOK_S
        end
        @contender.disconnect
        sleep REST_S
      end

      def figures(pid)
        pss, before = Usage.pss(pid), Usage.sample(pid)
        seconds = Clock.seconds { sleep @setting }
        after = Usage.sample(pid)
        { "pss" => pss, "cpu" => (after.cpu_s - before.cpu_s) / seconds * 100, "wake_ups" => after.wake_ups_since(before) / seconds,
          "queries" => queries(pid) }.compact
      end

      def queries(pid)
        seconds = nil
        count = @contender.queries_of(pid) { seconds = Clock.seconds { sleep @setting } }
        count && count / seconds * 10
      end
  end
end
