# frozen_string_literal: true

require "active_support"
require "active_support/log_subscriber"

module Workflow
  # One line in the application's log for each thing that happens to a run, tagged with the run and the step.
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

    def fail(event)
      write(:error, event, "failed#{details(event, :error, :reason)}")
    end

    def retry(event)
      write(:warn, event, "will be tried again#{" at #{event.payload[:due_at].iso8601}" if event.payload[:due_at]}")
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

      def because(event) = event.payload[:reason].to_s.empty? ? "" : ": #{event.payload[:reason]}"

      def details(event, *keys) = event.payload.values_at(*keys).compact.map { |value| " #{value}" }.join(",")
  end
end
