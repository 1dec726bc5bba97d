# frozen_string_literal: true

require "etc"
require "fileutils"

module Bench
  # A log that has much in it already, written by the gem itself: so many runs of one step, started and run by worker threads, or so many
  # that wait for an input. It is written once for a whole comparison, and copied for each measurement.
  class FullLog
    # How many events a run of one step has.
    EVENTS = 5
    # The calls of many threads share their commits.
    CALLERS = 32
    WORKERS = 5
    LOOK_MS = 100

    # @param dir [String] where logs are kept for the measurements that follow
    # @param kind [Symbol] :done, :waiting
    # @param runs [Integer]
    def initialize(dir, kind, runs)
      @dir, @kind, @runs = File.join(dir, "logs"), kind, runs
    end

    # In a process that has no log open. What is copied is on disk afterwards: nobody else's syncs have to wait for it.
    def copy_to(path)
      write unless File.exist?(file)
      files(file).each { |from| copy(from, from.sub(file, path)) if File.exist?(from) }
    end

    private
      def copy(from, to)
        FileUtils.cp(from, to)
        File.open(to, "r+", &:fsync)
      end

      def file = File.join(@dir, "#{@kind}-#{@runs}.sqlite3")
      # Of a log that was closed, the second is empty or not there.
      def files(path) = [ path, "#{path}-wal" ]

      # Under another name until it is whole.
      def write
        FileUtils.mkdir_p(@dir)
        unready = "#{file}.unready"
        pids = shares.map { |numbers| fork { fill(unready, numbers) } }
        failed = pids.count { |pid| !Process.wait2(pid).last.success? }
        raise "the log could not be filled" if failed.positive?
        files(unready).each { |from| File.rename(from, from.sub(unready, file)) if File.exist?(from) }
      end

      def shares = (0...@runs).each_slice((@runs.to_f / Etc.nprocessors).ceil.clamp(1..))

      def fill(path, numbers)
        Workflow.configure { |config| config.store = "sqlite:#{path}" }
        Workflow::Worker.new(threads: WORKERS).start if @kind == :done
        start(numbers)
        Workflow.engine.wait_log(Workflow.engine.last_position, LOOK_MS) until Noop.workflows.running.first(1).empty?
        exit!(Workflow.runtime.stop(timeout: 60) ? 0 : 1)
      rescue Exception => error # rubocop:disable Lint/RescueException
        warn error.full_message(highlight: false)
        exit!(1)
      end

      def start(numbers)
        numbers.each_slice((numbers.size.to_f / CALLERS).ceil).map { |some| Thread.new { some.each { |number| start_one(number) } } }.each(&:join)
      end

      def start_one(number) = @kind == :done ? Noop.new(number).later(:call) : Asking.new(number).start
  end
end
