# frozen_string_literal: true

require_relative "clock"
require_relative "tally"

module Bench
  # The worker processes of a measurement: forked before anything is connected, they begin when they are told to, and hand
  # over what ran in them when they are dismissed.
  class Crew
    LOOK_S = 0.01

    # One of them.
    Member = Struct.new(:pid, :orders, :answers) do
      def ask(order)
        orders.puts(order)
        answers.gets&.chomp or raise "a worker process ended before it was told to"
      end

      def dismiss
        size = Integer(ask("stop"))
        Marshal.load(answers.read(size))
      ensure
        Process.wait(pid)
      end
    end

    def initialize(contender, processes:, threads:)
      @contender, @threads = contender, threads
      @members = Array.new(processes) { hire }
    end

    # @return [void] when all of them take jobs
    def work
      @members.each { |member| member.orders.puts("work") }
      @members.each { |member| member.answers.gets or raise "a worker process did not start" }
    end

    # Waits until the contender says twice that nothing is queued and nothing in progress, with nothing run in between.
    # @return [Float] the moment at which it said so first
    def wait_until_drained
      loop do
        moment, ran = settled
        sleep LOOK_S
        return moment if moment && settled&.last == ran
      end
    end

    # @return [Array<Array<Integer>, Hash>] the numbers that ran, and when those began whose moment was noted
    def dismiss
      told = @members.map(&:dismiss)
      @members = []
      [ told.flat_map(&:first), told.map(&:last).reduce({}, :merge) ]
    end

    def kill
      @members.each do |member|
        Process.kill("KILL", member.pid)
        Process.wait(member.pid)
      rescue Errno::ESRCH, Errno::ECHILD
        nil # it has ended before, which is why
      end
    end

    private
      # @return [Array(Float, Array), nil] the moment, and how many had run in each
      def settled
        return unless @contender.drained?
        moment = Clock.now
        idle, ran = @members.map { |member| member.ask("look").split }.transpose
        [ moment, ran ] if idle.all?("idle") && @contender.drained?
      end

      def hire
        hears, orders = IO.pipe
        answers, says = IO.pipe
        answers.binmode
        pid = fork do
          orders.close
          @contender.load_worker
          serve(hears, says.binmode)
          exit!(0)
        rescue Exception => error # rubocop:disable Lint/RescueException
          warn error.full_message(highlight: false)
          exit!(1)
        end
        says.close
        hears.close
        Member.new(pid, orders.tap { |pipe| pipe.sync = true }, answers)
      end

      def serve(hears, says)
        says.sync = true
        while (order = hears.gets&.chomp)
          case order
          when "work" then begin_work && says.puts("at work")
          when "look" then says.puts("#{@contender.idle? ? "idle" : "busy"} #{Tally.ran.size}")
          when "stop" then return leave(says)
          end
        end
      end

      def begin_work
        @contender.connect
        @contender.work(@threads)
        true
      end

      def leave(says)
        @contender.quit
        told = Marshal.dump([ Tally.ran, Tally.began ])
        says.puts(told.bytesize)
        says.write(told)
      end
  end
end
