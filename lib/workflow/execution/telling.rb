# frozen_string_literal: true

module Workflow
  class Execution
    # What a step can say and ask while it runs: how far it is, what it came across, whether it should go on. Part of
    # Execution; the words for it are InnerWords.
    module Telling
      UNCHANGED = Object.new.freeze
      KIND_LEN_MAX = 200
      WHY = {
        timeout: "has taken longer than its timeout, and has failed",
        lost: "is not this attempt's any more: it was claimed again, or is over",
        stopping: "is to be given back: its worker stops",
        unknown: "was committing when its database could not be reached any more: the next attempt finds out whether it has",
        joined: "commits a transaction of its own, and cannot be part of the one that is open: workers run it",
        unbegun: "is given back: that it begins could not be written to the log"
      }.freeze

      # @raise [Interrupted, Cancelled] when the step is not to go on
      # @return [void]
      def checkpoint = halt(@hand.check)

      # @return [void]
      def progress(done = nil, of: nil, message: nil, cursor: UNCHANGED)
        Progress.check(done, of)
        told = Progress.new(done: done, of: of, message: message&.to_s, cursor: cursor.equal?(UNCHANGED) ? self.cursor : cursor)
        bytes = told.dump(work.to_s)
        checkpoint
        told(tell(:progressed, nil, bytes)) { @told = told }
      end

      # @return [void]
      def note(kind, **facts)
        name = kind.to_s
        unless name.valid_encoding? && name.match?(/\S/) && name.bytesize <= KIND_LEN_MAX
          raise ArgumentError, "note: the kind of a note is a word of at most #{KIND_LEN_MAX} bytes, not #{kind.inspect}."
        end
        told(tell(:noted, name, Serializer.dump([ facts ], "the note #{name} of #{work}")))
      end

      # @return [Object, nil] what an attempt of this round last gave `progress` as its cursor
      def cursor = (@told ||= Progress.load(work.progress, own: true))&.cursor

      private
        def tell(...) = @hand.held? ? @hand.tell(...) : :stale

        def told(answer)
          halt(@hand.check || :lost) if answer == :stale
          yield if block_given?
          halt(:cancelled) if answer == :cancelled
        end

        # The method is entered only once the log says so, so that nobody enters it a second time.
        def begin_once
          return unless step.once? && work.mode == :step
          halt(:lost) if @hand.begin(@blueprint) == :stale
        rescue StoreError => error
          Report.error(error, handled: true, context: Instrumentation.of_work(work))
          halt(:unbegun)
        end

        # The core fails the attempt when its time is up, so it is told beforehand what then follows.
        def limit
          return unless work.mode == :step && (timeout_ms = step.timeout_ms)
          @limited = true
          @hand.enter(timeout_ms, @blueprint, delay_ms, step.final?(Interrupted.new))
        end

        # @return [Interrupted, nil] when the core has failed the attempt, whatever the method then returned
        def overtime = @limited && @hand.check == :timeout ? interrupted(:timeout) : nil

        # The end of a caller's step was refused: the core had failed the attempt, and that is the caller's to tell. Workers publish what
        # has their own name on it.
        # @param told [Array] what came of the end
        # @return [Array] the same, with what the core wrote
        def late(told)
          snapshot, events, row = told
          written = events.empty? ? written_at_timeout : []
          return told if written.empty?
          unless @error
            @error = interrupted(:timeout)
            report(written.none? { |event| event[3] == :step_retried }, subscribed: true)
          end
          [ snapshot, written, row ]
        end

        # @return [Array<Array>] the failure and what was written together with it, as the core gives them; none: it was not that
        def written_at_timeout
          failed = run.events.reverse_each.find { |event| event.kind == :step_failed && event.reason == "timeout" && of_attempt?(event) } or return []
          rows = Workflow.engine.events(work.run_id, failed.version - 1, Event::PER_APPEND)
          rows.take_while { |row| row.first / Event::PER_APPEND == failed.position / Event::PER_APPEND }
        end

        def of_attempt?(event) = [ event.step.to_s, event.attempt, event.round ] == [ work.step, work.attempt, work.round ]

        def halt(why)
          return unless why
          @halted = why
          raise @interruption = why == :cancelled ? Cancelled.new("The run of #{work} is being cancelled.") : interrupted(why)
        end

        def interrupted(why) = Interrupted.new("#{work} #{WHY.fetch(why)}.")

        # Whether it is not for this thread, and nothing was called.
        def left_to_workers? = @halted == :joined

        # Whether the step is nobody's failure: it was asked to leave, or the hand has lost it on the way.
        def left? = !@hand.held? || !@interruption.nil? && @halted != :timeout && @interruption.equal?(@error)

        # @return [Array(Hash, Array, nil), nil] as {Execution#perform}
        def leave(wait)
          Report.error(@error, handled: true, context: Instrumentation.of_work(work), veil: method(:veil)) if @error && !@interruption
          @hand.give_back
          return unless wait
          raise @error if @halted == :stopping
          [ Workflow.engine.find(work.run_id), [], nil ]
        end
    end
  end
end
