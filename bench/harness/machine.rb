# frozen_string_literal: true

require "etc"
require "rbconfig"
require "tempfile"
require_relative "clock"
require_relative "figures"

module Bench
  # What a result says of the machine that it was taken on.
  module Machine
    SYNCS = 200
    BLOCK = 4096

    # @param dir [String] where the stores lie
    # @return [Array<String>]
    def self.lines(dir)
      [ "#{Time.now.utc.strftime("%Y-%m-%d %H:%M UTC")}, #{Etc.nprocessors} x #{processor}, #{memory}",
        "#{Etc.uname[:sysname]} #{Etc.uname[:release]}, load average #{load}",
        "stores on #{file_system(dir)}; one 4 KiB append and fdatasync: #{(sync_seconds(dir) * 1e6).round} us (median of #{SYNCS})" ]
    end

    def self.load = File.exist?("/proc/loadavg") ? File.read("/proc/loadavg").split.first(3).join(" ") : "unknown"

    def self.processor = read("/proc/cpuinfo", /model name\s*: (.*)/) || RbConfig::CONFIG["host_cpu"]
    def self.memory = read("/proc/meminfo", /MemTotal:\s*(\d+)/)&.then { |kilobytes| "#{(kilobytes.to_f / 1024**2).round} GiB" } || "memory unknown"

    def self.file_system(dir)
      IO.popen([ "stat", "-f", "-c", "%T", dir ], err: File::NULL, &:read).strip
    rescue SystemCallError
      "an unknown file system"
    end

    def self.sync_seconds(dir)
      Tempfile.create("sync", dir) do |file|
        Figures.median(Array.new(SYNCS) { Clock.seconds { file.syswrite("x" * BLOCK) && file.fdatasync } })
      end
    end

    def self.read(path, pattern) = (File.read(path)[pattern, 1] if File.exist?(path))
    private_class_method :read
  end
end
