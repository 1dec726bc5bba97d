# frozen_string_literal: true

module Bench
  module Live
    # Ours: a run whose one step says how far it is, as often as it is asked to on the worker's input.
    class Ticker
      include Workflow

      workflow { later :tick }

      def to_key = [ 1 ]

      def tick
        while (number = $stdin.gets)
          moment = Time.now.to_f
          progress(Integer(number), of: 1_000_000)
          puts "#{number.to_i} #{moment}"
          $stdout.flush
        end
      end
    end

    Workflow.configure { |config| config.store = "sqlite:#{DIR}/log.sqlite3" }

    def self.prepare = Ticker.new.start
    # Takes the orders on its input in a worker's thread, until there are no more.
    def self.work
      worker = Workflow::Worker.new(threads: 1).start
      Workflow.engine.wait_log(Workflow.engine.last_position, 100) until Ticker.new.workflow.done?
      worker.stop
    end
  end
end
