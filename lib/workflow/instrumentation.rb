# frozen_string_literal: true

module Workflow
  # Tells ActiveSupport::Notifications, when it is loaded, what happened to runs. What a caller recorded is published
  # on its thread, from the events it got back; what worker threads and timers of this process recorded, from the log.
  # Payloads carry ids and names, never what an object contains.
  module Instrumentation
    NAMES = {
      run_started: "start", step_completed: "complete", step_failed: "fail", step_retried: "retry",
      input_requested: "wait", input_accepted: "submit", input_rejected: "submit", input_expired: "expire",
      run_paused: "pause", run_cancelled: "cancel", run_done: "done"
    }.freeze
    EVENTS = NAMES.values.uniq.map { |name| "#{name}.workflow".freeze }.freeze
    SUBJECTS_MAX = 1000

    class << self
      # Wraps the call of a step's method. An error that it raises is told as `instrument` would by itself, but without the object:
      # filtered values are not to be read in its message. What a subscriber raises is not the method's.
      # @param execution [Execution]
      def attempt(execution)
        return yield unless heard?("attempt.workflow")
        payload = of_work(execution.work)
        handle = safely(payload) { ::ActiveSupport::Notifications.instrumenter.build_handle("attempt.workflow", payload) }
        safely(payload) { handle&.start }
        begin
          yield
        rescue Exception => error # rubocop:disable Lint/RescueException -- raised again
          payload[:exception] = [ error.class.name, execution.veil(error.message.to_s.scrub) ]
          raise
        ensure
          safely(payload) { handle&.finish }
        end
      end

      # @param work [Work]
      # @return [Hash] the payload of an attempt
      def of_work(work)
        { run_id: work.run_id, subject_class: work.class_name, workflow: work.name, step: work.step.to_sym,
          attempt: work.attempt, by: Role.by }
      end

      # Publishes what a caller has just recorded, on worker threads the log does it; and writes it to mirrored columns.
      # @param rows [Array<Array>] events as the core gives them
      # @param mirror [Boolean] false: the caller sees to the columns itself
      # @return [void]
      def publish_all(rows, run, mirror: true)
        return if rows.nil? || rows.empty?
        Mirror.follow(run) if mirror
        return if Role.worker? || !listening?
        about = nil
        rows.each { |row| publish(Event.new(row)) { about ||= about(run.snapshot) } }
      end

      # Publishes what the worker threads of this process record, from now on, if anybody listens: inside what the application wants
      # around its code, as steps are.
      # @return [Object, nil] the listener
      def follow(runtime)
        return unless listening?
        subjects = {}
        by = Role.worker
        runtime.announcer.listen do |event|
          next unless event.by == by && NAMES.key?(event.kind)
          runtime.configuration.wrap { publish(event) { about_run(event.run_id, runtime, subjects) } }
        end
      end

      private
        def listening? = EVENTS.any? { |name| heard?(name) }
        def heard?(name) = defined?(::ActiveSupport::Notifications) && ::ActiveSupport::Notifications.notifier.listening?(name)

        # @yieldreturn [Hash] what the payload says of the run
        def publish(event)
          return unless (what = NAMES[event.kind])
          safely({ run_id: event.run_id, kind: event.kind }) do
            ::ActiveSupport::Notifications.instrument("#{what}.workflow", payload(event, yield)) { }
          end
        end

        # It has happened, whatever a subscriber raises.
        def safely(context)
          yield
        rescue *Execution::FAILURES => error
          Report.error(error, handled: true, context: context)
          nil
        end

        def payload(event, about)
          { run_id: event.run_id, **about, version: event.version,
            kind: event.kind, step: event.step, attempt: event.attempt, by: event.by, due_at: event.due_at,
            reason: (event.reason unless event.kind == :input_rejected), error: event.error&.class_name,
            accepted: (event.kind == :input_accepted if NAMES[event.kind] == "submit") }.compact
        end

        def about_run(run_id, runtime, subjects)
          subjects.shift if subjects.size > SUBJECTS_MAX
          subjects[run_id] ||= about(runtime.engine.find(run_id) || {})
        end

        def about(snapshot)
          { subject_class: snapshot[:class_name], workflow: snapshot[:name].to_s, subject: record_of(snapshot) }
        end

        # The key of any other object has what it remembers in it.
        # @return [String, nil] "Signup/1"
        def record_of(snapshot)
          klass = Declarations.class_of(snapshot[:class_name])
          return unless klass && Subject.record?(klass) && snapshot[:key]
          snapshot[:key].rpartition("#").first unless Secrets.filter && Array(klass.primary_key).any? { |name| Secrets.match?(name) }
        end
    end
  end
end
