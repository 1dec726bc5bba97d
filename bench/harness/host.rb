# frozen_string_literal: true

require "json"
require "tmpdir"
require_relative "catalogue"
require_relative "crew"
require_relative "faults"

module Bench
  # The process of one contender: it loads the contender's code, connects to nothing, and forks a process for each
  # measurement. It is started with its own process group, gets orders on its standard input, answers on descriptor 3, and ends
  # with its group when nobody holds the other end of descriptor 4.
  class Host
    SAID_BEFORE_S = 3

    def self.run(name, settings)
      new(name, settings).run
    end

    def initialize(name, settings)
      @name, @settings = name, settings
      @answers = IO.for_fd(3, "w").tap { |pipe| pipe.sync = true }
      lifeline = IO.for_fd(4)
      Thread.new { lifeline.read && Process.kill("KILL", -Process.getpgrp) }
    end

    def run
      @contender = Catalogue.contender(@name).new(@settings)
      @contender.load
      answer("versions" => @contender.versions)
      while (order = $stdin.gets)
        fork_for(JSON.parse(order))
      end
    end

    private
      def answer(facts) = @answers.puts(JSON.generate(facts))

      def fork_for(order)
        pid = fork { perform(order) }
        Process.wait(pid)
        answer("error" => "its process ended with #{$?}") unless $?.success?
      end

      def perform(order)
        facts = Dir.mktmpdir("measurement", @settings.fetch("dir")) { |dir| measure(order, dir) }
        answer(facts)
        exit!(0)
      rescue StandardError, ScriptError => error
        warn error.full_message(highlight: false)
        answer("error" => "#{error.class}: #{error.message.lines.first&.chomp}")
        exit!(0)
      end

      def measure(order, dir)
        watch(order.fetch("limit"))
        workload = Catalogue.workload(order.fetch("workload"))
        @contender.settle(dir, records: workload.records?)
        workload.new(@contender, order.fetch("setting"), order.fetch("count")).measure
      end

      # Shortly before it is given up: what is left, and where each thread is.
      def watch(limit)
        Thread.new do
          sleep limit - SAID_BEFORE_S
          Thread.list.each { |thread| warn "#{thread.inspect}\n  #{thread.backtrace&.first(12)&.join("\n  ")}" }
          warn "It is not done after #{limit - SAID_BEFORE_S} s; left: #{@contender.left.inspect}"
        rescue StandardError => error
          warn error.full_message(highlight: false)
        end
      end
  end
end

Bench::Host.run(ARGV.fetch(0), JSON.parse(ARGV.fetch(1))) if $PROGRAM_NAME == __FILE__
