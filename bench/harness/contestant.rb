# frozen_string_literal: true

require "io/wait"
require "json"
require "rbconfig"
require_relative "clock"

module Bench
  # A contender as the one who compares sees it: a process to give orders to. One that does not answer in time, or fails, is
  # ended with all its children, and another is started.
  class Contestant
    class Failed < StandardError; end

    BOOT_S = 120
    LOG_LINES = 40

    attr_reader :name, :versions

    def initialize(name, settings, log)
      @name, @settings, @log = name, settings, log
    end

    # Begins to boot; await_ready says when it has.
    def start
      hears, @orders = IO.pipe
      @answers, says = IO.pipe
      lifeline, @life = IO.pipe
      @pid = spawn(RbConfig.ruby, File.join(__dir__, "host.rb"), name, JSON.generate(@settings), pgroup: true,
        in: hears, 3 => says, 4 => lifeline, out: [ @log, "a" ], err: [ :child, :out ])
      [ hears, says, lifeline ].each(&:close)
      @orders.sync = true
      self
    end

    # @raise [Failed]
    def await_ready = explained { @versions ||= answer(BOOT_S).fetch("versions") }

    # @return [Hash] what was measured
    # @raise [Failed]
    def measure(order, limit)
      explained do
        start && answer([ BOOT_S, limit ].min) unless @pid
        @orders.puts(JSON.generate({ limit: limit, **order }))
        answer(limit)
      end
    end

    def stop
      return unless @pid
      Process.kill("KILL", -@pid)
      Process.wait(@pid)
    rescue Errno::ESRCH, Errno::ECHILD
      nil
    ensure
      [ @orders, @answers, @life ].each(&:close) if @pid
      @pid = nil
    end

    private
      # What its log ends with is the reason, more often than not.
      def explained
        yield
      rescue Failed, SystemCallError => error
        stop
        raise Failed, "#{error.message}\n#{File.readlines(@log).last(LOG_LINES).join}"
      end

      def answer(seconds)
        @answers.wait_readable(seconds) or raise Failed, "it did not answer within #{seconds} s"
        line = @answers.gets or raise Failed, "its process ended"
        facts = JSON.parse(line)
        facts["error"] ? raise(Failed, facts["error"]) : facts
      end
  end
end
