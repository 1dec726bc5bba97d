# frozen_string_literal: true

module Workflow
  # A step in hand, as the core gives it.
  Work = Struct.new(:run_id, :class_name, :name, :subject, :step, :method_name, :attempt, :round, :fence, :args) do
    # @param row [Array, nil] as the core gives it
    # @return [Work, nil]
    def self.of(row) = row && new(*row)

    def method_run? = name.start_with?(".")

    # The arguments of a method's run, and the options of the call that queued it. A step of a workflow has neither.
    # @return [Array(Array, Hash, Hash)] positional, keywords, options
    def call
      return [ [], {}, {} ] unless method_run? && args
      Serializer.load(args).then { |positional, keywords, options| [ positional, keywords, options || {} ] }
    end

    # @return [String] for messages
    def to_s = "#{class_name}##{step} (run #{run_id}, attempt #{attempt})"
  end
end
