# frozen_string_literal: true

module Workflow
  # Runs a worker in the foreground until signals say stop. TERM and INT drain, a second one ends at once (the steps
  # in hand are run again), TSTP quiets. Signal handlers only write to a pipe; what is to be done is done here.
  class Supervisor
    SIGNALS = { "TERM" => "T", "INT" => "I", "TSTP" => "Q" }.freeze
    STATUS = { "T" => 143, "I" => 130 }.freeze
    DRAINED = "."

    # @param drain_s [Numeric] seconds for steps in hand
    def initialize(worker, threads:, out: $stdout, drain_s: 25)
      @worker, @threads, @out, @drain_s = worker, threads, out, drain_s
    end

    # @return [Integer] the status to exit with: 0 when all steps in hand have ended
    def run
      @reader, @writer = IO.pipe
      previous = SIGNALS.to_h { |name, letter| [ name, trap(name) { @writer.write_nonblock(letter, exception: false) } ] }
      probed = Workflow.runtime.answer_probes
      @worker.start
      say "answers probes on #{probed}: /live and /ready." if probed
      say "works on #{Workflow.configuration.store} with #{@threads} threads. TERM or Ctrl-C drains, TSTP quiets."
      obey(@reader.readchar) until @status
      @status
    ensure
      previous&.each { |name, handler| trap(name, handler || "DEFAULT") }
    end

    private
      def obey(letter)
        case letter
        when DRAINED then @status = @drained.value ? 0 : 1
        when "Q" then say("quiet: takes no more steps.") && @worker.quiet
        else @drained ? leave(letter) : drain
        end
      end

      def drain
        say "stops: waits up to #{@drain_s} s for the steps in hand. Again to stop at once."
        @drained = Thread.new do
          @worker.stop(timeout: @drain_s)
        ensure
          @writer.write(DRAINED)
        end
      end

      def leave(letter)
        say "stops at once: the steps in hand will be run again."
        exit!(STATUS.fetch(letter))
      end

      def say(text)
        @out.puts "workflow #{VERSION} (pid #{Process.pid}) #{text}"
        @out.flush
      end
  end
end
