# frozen_string_literal: true

require "active_support"
require "active_support/log_subscriber"

module Workflow
  # One line in the application's log for each thing that happens to a run, tagged with the run and the step. Of a failed
  # attempt it has what the log keeps of it, in which no filtered value is.
  class LogSubscriber < ::ActiveSupport::LogSubscriber
    TEXTS = {
      complete: "completed", wait: "waits for input", expire: "expired", done: "done"
    }.freeze

    TEXTS.each { |name, text| define_method(name) { |event| write(:info, event, text) } }

    # `start` is a word of ActiveSupport's subscribers, which subscribe no event of that name.
    def self.attach_to(namespace, ...)
      super
      @start ||= ::ActiveSupport::Notifications.subscribe("start.#{namespace}") { |event| subscribers.grep(self).each { |one| one.started(event) } }
    end

    def started(event)
      write(:info, event, "started")
    end

    def attempt(event)
      write(:debug, event, "attempt #{event.payload[:attempt]} took #{event.duration.round(1)} ms")
    end

    # An attempt that failed, in one line with what follows: another one, or not.
    def fail(event)
      failed, again = facts_of(event)
      again = nil unless again&.kind == :step_retried
      write(again ? :warn : :error, event, "failed#{what_failed(event, failed)}; #{failed ? what_follows(event, again) : "what follows the log could not say"}")
    end

    # Of a person's retry; that of a failure is told with it.
    def retry(event)
      write(:warn, event, "will be tried again") unless event.payload[:due_at]
    end

    def submit(event)
      write(:info, event, event.payload[:accepted] ? "accepted its input" : "rejected its input")
    end

    # A run may pause itself, where the code has no such step any more: then somebody has to look.
    def pause(event)
      write(:warn, event, "paused#{because(event)}")
    end

    def cancel(event)
      write(:info, event, "cancelled#{because(event)}")
    end

    # @return [Logger, nil]
    def logger = Workflow.configuration.logger

    private
      def write(level, event, text)
        return unless logger
        run = event.payload
        what = run[:step] ? "#{run[:subject_class]}##{run[:step]}" : "#{run[:subject_class]} #{run[:workflow]}"
        logger.public_send(level, "[#{[ run[:run_id], run[:step] ].compact.join(" ")}] #{what} #{text} (#{run[:by]})")
      end

      def because(event) = event.payload[:reason].to_s.empty? ? "" : ": #{Report.line(event.payload[:reason])}"

      # The event and the one behind it, which was written together with it. The notification has ids and names only.
      # @return [Array<Event>] none where the log cannot be read just now
      def facts_of(event)
        return [] unless logger
        Workflow.engine.events(event.payload[:run_id], event.payload[:version] - 1, 2).map { |row| Event.new(row) }
      rescue StoreError
        []
      end

      # ": IOError: execution expired, at app/models/signup.rb:12 (Signup/1, attempt 2)"
      def what_failed(event, failed)
        run = event.payload
        error = [ run[:error], first_part(failed&.error&.message) ].compact.join(": ")
        about = [ run[:subject], ("attempt #{run[:attempt]}" if run[:attempt]), run[:reason] ].compact.join(", ")
        "#{": #{error}" unless error.empty?}#{", at #{failed.data[:where]}" if failed&.data&.key?(:where)}#{" (#{about})" unless about.empty?}"
      end

      # Up to an empty line: what Ruby 3.1 to 3.3 write behind it is the code.
      def first_part(message) = message && Report.line(message.strip[/\A.*?(?=\n\s*\n|\z)/m])

      def what_follows(event, again)
        return "it is tried again at #{again.due_at.iso8601}" if again&.due_at
        again ? "it is tried again" : "it is not tried again by itself: Workflow::Run.find(#{event.payload[:run_id].inspect}).retry"
      end
  end
end
