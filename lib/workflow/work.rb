# frozen_string_literal: true

module Workflow
  # A step in hand, as the core gives it. Its mode is :step, :otherwise (of an await that expired), :ask (an await
  # that is to be opened), :remind (of one that goes on waiting) or :judge (with an input that came early); nil of an
  # input that is being submitted. Met: its conditions held in an earlier attempt.
  Work = Struct.new(:run_id, :class_name, :name, :subject, :step, :method_name, :attempt, :round, :fence, :args,
    :mode, :met, :kept_version, :progress) do
    self::NO_ARGUMENTS = [ [].freeze, {}.freeze, {}.freeze ].freeze

    # @param row [Array, nil] as the core gives it
    # @return [Work, nil]
    def self.of(row) = row && new(*row)

    def method_run? = name.start_with?(".")

    # @return [Boolean] whether it is an await that is to be opened; its method is not called
    def ask? = mode == :ask

    # @return [Boolean] whether it is the reminder of an await
    def remind? = mode == :remind

    # @return [Boolean] whether it is an input that came before its turn, which has come now
    def judge? = mode == :judge

    # @return [Boolean] whether it is of an await: its conditions, its input, what else is run about it
    def await? = mode != :step

    # @return [Boolean] whether the method is the one that has the step's name
    def own? = mode != :otherwise && mode != :remind

    # @return [Boolean] whether the conditions are to be asked first
    def conditional? = !met && (mode == :step || mode == :ask)

    # The arguments of a method's run, and the options of the call that queued it. A step of a workflow has neither.
    # @return [Array(Array, Hash, Hash)] positional, keywords, options
    # @raise [KeyMissing]
    def call
      return self.class::NO_ARGUMENTS unless args && method_run?
      Serializer.open(args, 3).then { |positional, keywords, options| [ positional, keywords, options || {} ] }
    end

    # @return [String] for messages
    def to_s = "#{class_name}##{step} (run #{run_id}, attempt #{attempt})"
  end
end
