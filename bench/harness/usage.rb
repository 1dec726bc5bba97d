# frozen_string_literal: true

require "etc"

module Bench
  # What a process uses, as /proc says.
  module Usage
    # @!attribute cpu_s [Float] seconds of processor, of all threads since the process began
    # @!attribute switches [Hash{Integer => Integer}] by thread, how often it went to sleep of itself, and so was woken
    Sample = Struct.new(:cpu_s, :switches) do
      # @return [Integer] of all threads, also those that began or ended meanwhile, the latter as far as the earlier sample knows
      def wake_ups_since(earlier) = switches.sum { |thread, count| count - earlier.switches.fetch(thread, 0) }
    end

    class << self
      def sample(pid)
        Sample.new(seconds_in(File.read("/proc/#{pid}/stat")), Dir["/proc/#{pid}/task/*/status"].to_h { |path| [ path[%r{task/(\d+)}, 1].to_i, switches_in(File.read(path)) ] })
      end

      # @return [Float] MiB: its own pages, and its share of those that others have too
      def pss(pid) = pss_in(File.read("/proc/#{pid}/smaps_rollup"))

      # The name may have spaces and brackets; user and system time are the 14th and 15th field.
      def seconds_in(stat, ticks = Etc.sysconf(Etc::SC_CLK_TCK)) = stat[/\A.*\)(.*)/m, 1].split.values_at(11, 12).sum(&:to_i) / ticks.to_f

      def switches_in(status) = Integer(status[/^voluntary_ctxt_switches:\s*(\d+)/, 1])
      def pss_in(rollup) = Integer(rollup[/^Pss:\s*(\d+) kB/, 1]) / 1024.0
    end
  end
end
