# frozen_string_literal: true

module Workflow
  # What this process is to the web server around it: one that serves pages, or the one that holds a Puma cluster together
  # and serves none. Puma says of itself that it is a cluster, and calls its workers so. What it does not say yet, as under
  # `rails server`, which loads the application first, is waited for in a thread; nothing here keeps a process from its work.
  module WebServer
    WORKER = "puma: cluster worker"
    LOOK_S = 0.05
    LOOK_MAX_S = 10

    class << self
      # @return [Boolean] whether it is a worker of a Puma cluster
      def worker? = $PROGRAM_NAME.start_with?(WORKER)

      # Runs the block when it is known that this process serves pages: at once, or a moment later; never in the master of a
      # cluster. Where Puma is there and says nothing, another server serves.
      # @return [void]
      def await
        case part
        when nil then look(-> { part }) { |found| yield unless found == :master }
        when :master then nil
        else yield
        end
      end

      # The same after a fork, which makes a worker only if Puma calls it one.
      # @return [void]
      def await_worker
        return unless %i[master worker].include?(part)
        parent = $PROGRAM_NAME.dup
        look(-> { worker? && $PROGRAM_NAME != parent }) { |found| yield if found }
      end

      private
        # @return [Symbol, nil] :worker or :master of a cluster, :alone, or nil: Puma has not begun
        def part
          return :worker if worker?
          return :alone unless defined?(::Puma) && ::Puma.respond_to?(:stats_hash)
          ::Puma.stats_hash.key?(:workers) ? :master : :alone
        rescue NoMethodError
          nil # of nil: it has no server yet
        end

        def look(wanted)
          ends = now + LOOK_MAX_S
          thread = Thread.new do
            sleep LOOK_S until (found = wanted.call) || now > ends
            yield found
          end
          thread.name = "workflow-probes"
        end

        def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    end
  end
end
