# frozen_string_literal: true

require "digest"

module Workflow
  # A new link or code, sent by the method that `renew:` names: as a run of its own, by a worker. Each has a number in its
  # key, and the log starts one run for a key, so that the limits hold whoever asks, in however many processes.
  class Renewal
    # In one round of an await.
    MAX = 10
    # Between one and the next.
    PAUSE_MS = 60_000
    RETRIES = 5
    # Behind the arguments of its run, beside what travels: the run of the await.
    KEY = "renews"
    MARK = "\"#{KEY}\":"

    # @param work [Work]
    # @return [String, nil] the run that it sends a new one for, if it does
    def self.renewed_by(work)
      return unless work.method_run? && work.args&.include?(MARK)
      besides = Serializer.written_at(Travel::PLACE, work.args)
      besides[KEY] if besides.is_a?(Hash)
    end

    # @param run [Run] of the await
    # @param step [Step] the await
    # @param declared [StepDefinition]
    def initialize(run, step, declared)
      @run, @step, @declared = run, step, declared
    end

    # @return [Boolean] false: too many, or too soon after the last
    def start
      number, last_ms = past
      return false if number == MAX || last_ms > Workflow.engine.now_ms - PAUSE_MS
      queue(key(number)) == :started
    end

    # @return [Array(Integer, Integer)] how many there were in this round, and when the last was asked for, in ms; 0 if none was
    def past
      [ runs.size, runs.last ? runs.last[:started_ms] : 0 ]
    end

    # @return [Integer] where the log tells of the last one, whatever clocks said; 0 if there was none
    def position = runs.last ? Event.find(runs.last[:id], 1).position : 0

    private
      def runs = @runs ||= (0...MAX).lazy.map { |number| Workflow.engine.keyed(subject.class_name, key(number)) }.take_while { |found| found }.to_a
      def subject = @subject ||= Subject.of(@run.subject)
      def key(number) = "renew/#{@run.id}/#{@step.round}/#{number}/#{Digest::SHA256.hexdigest(@step.pinned_name.name)}"

      def queue(token)
        definition = Definition.of_method(@declared.renew, options: { retries: RETRIES })
        besides = { **(Travel.written_in(@run.snapshot[:args]) || {}), KEY => @run.id }
        arguments = Serializer.dump([ [], {}, { retries: RETRIES } ], "the arguments of #{@declared.renew}", besides) { |call| call }
        outcome, snapshot, events, = Workflow.engine.start(nil, definition.blueprint(subject.klass), subject.bytes, subject.key(definition.name),
          arguments, :later, Role.by, nil, nil, token)
        Instrumentation.publish_all(events, Run.new(snapshot, subject: subject.object))
        outcome
      end
  end
end
