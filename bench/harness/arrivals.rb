# frozen_string_literal: true

require "io/wait"
require_relative "clock"

module Bench
  # A process that starts jobs at a steady rate for others to run: forked before anything is connected, it begins when it is told
  # to. Each look, it starts as many as are due by then, so that one that was late makes up
  # for it if it can.
  class Arrivals
    LOOK_S = 0.01
    MOST = 500 # a look, so that one who cannot keep up hears that it is over

    # @return [Range<Integer>] the numbers that are to be next after so many seconds
    def self.due(first, begun, rate, seconds) = (first + begun)...(first + [ (rate * seconds).floor, begun + MOST ].min)

    # @param first [Integer] the number of its first job
    def initialize(contender, first)
      @contender, @first = contender, first
      hears, @orders = IO.pipe
      @answers, says = IO.pipe
      @pid = fork { serve(hears, says) }
      [ hears, says ].each(&:close)
    end

    # @param rate [Float] jobs per second
    # @return [void] when the first are on their way
    def begin(rate)
      @orders.puts(rate)
      @answers.gets or raise "nothing arrives"
    end

    # @return [Array(Range<Integer>, Float)] the numbers that were started, and how many each second
    def end
      @orders.puts("stop")
      answer = @answers.gets or raise "the process that starts jobs ended before it was told to"
      count, seconds = answer.split
      Process.wait(@pid)
      [ @first...(@first + Integer(count)), Integer(count) / Float(seconds) ]
    end

    def kill
      Process.kill("KILL", @pid)
      Process.wait(@pid)
    rescue Errno::ESRCH, Errno::ECHILD
      nil
    end

    private
      def serve(hears, says)
        says.sync = true
        @orders.close
        rate = Float(hears.gets)
        @contender.connect
        from = Clock.now
        says.puts("they arrive")
        count = start_until_told(hears, rate, from)
        says.puts("#{count} #{Clock.now - from}")
        exit!(0)
      rescue Exception => error # rubocop:disable Lint/RescueException
        warn error.full_message(highlight: false)
        exit!(1)
      end

      def start_until_told(hears, rate, from)
        count = 0
        until hears.wait_readable(LOOK_S)
          numbers = self.class.due(@first, count, rate, Clock.now - from).to_a
          @contender.enqueue(:noop, numbers) if numbers.any?
          count += numbers.size
        end
        count
      end
  end
end
