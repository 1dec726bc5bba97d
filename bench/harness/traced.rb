# frozen_string_literal: true

require "io/wait"
require "tempfile"

module Bench
  # What processes ask of the system, as strace counts it.
  module Traced
    ATTACHED_S = 20 # to attach itself, or to let go
    SYNCS = %w[fdatasync fsync].freeze
    # SQLite begins each look at a log with a lock of one of these five bytes.
    READ = /\bfcntl(64)?\(\d+, F_SETLK(64)?, \{l_type=F_RDLCK, l_whence=SEEK_SET, l_start=12[3-7], l_len=1\}/

    class << self
      # @param pids [Array<Integer>] of processes, with all their threads
      # @return [Integer, nil] how often they synced a file to disk while the block ran; nil where strace is missing, or may not look
      def syncs(pids, &block) = trace(pids, "-c", "-e", "trace=#{SYNCS.join(",")}", &block)&.then { |table| count_syncs(table) }

      # @return [Integer, nil] how many system calls they made while the block ran; nil as above
      def calls(pids, &block) = trace(pids, "-c", &block)&.then { |table| count_calls(table) }

      # @return [Integer, nil] how often they began to read a store in SQLite while the block ran
      def reads(pids, &block) = trace(pids, "-e", "trace=fcntl", &block)&.then { |lines| count_reads(lines) }

      # @param table [String] of strace -c
      # @return [Integer]
      def count_syncs(table) = table.lines.map(&:split).sum { |cells| SYNCS.include?(cells.last) ? Integer(cells[3]) : 0 }

      # @param table [String] of strace -c
      # @return [Integer]
      def count_calls(table) = table.lines.map(&:split).sum { |cells| cells.last == "total" ? Integer(cells[3]) : 0 }

      # @param lines [String] what strace wrote
      # @return [Integer]
      def count_reads(lines) = lines.each_line.count { |line| line.match?(READ) }

      private
        def trace(pids, *options)
          Tempfile.create("trace") do |result|
            strace = attach(pids, "-o", result.path, *options)
            yield
            detach(strace) && result.read if strace
          end
        end

        # It says on its standard error when it has attached itself to a process.
        def attach(pids, *options)
          hears, says = IO.pipe
          pid = spawn("strace", "-f", *options, *pids.flat_map { |one| [ "-p", one.to_s ] }, err: says)
          says.close
          return [ pid, hears ] if pids.all? { hears.wait_readable(ATTACHED_S) && hears.gets&.include?("attached") }
          detach([ pid, hears ])
          nil
        rescue Errno::ENOENT
          nil
        end

        def detach(strace)
          pid, hears = strace
          Process.kill("INT", pid)
          ended = Process.detach(pid)
          ended.join(ATTACHED_S) or Process.kill("KILL", pid) && ended.join
        ensure
          hears.close
        end
    end
  end
end
