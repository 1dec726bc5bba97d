# frozen_string_literal: true

module Workflow
  # What a person is told of an input that was not accepted: in the application's locale where I18n is loaded and knows the
  # sentence, else in English. Whatever the log has, is counted or raised for developers is said in English.
  class Wording
    # Each can be said otherwise, and in other languages, as `workflow.errors.<name>` of the application's locales.
    TEXTS = {
      missing: "is missing", too_long: "is too long", wanted: "must be %{wanted}", either: "%{others} or %{last}",
      a_text: "text", a_symbol: "a symbol", an_integer: "a whole number", a_number: "a number", a_boolean: "true or false",
      a_date: "a date, such as 2026-12-31", a_time: "a date and time, such as 2026-12-31T18:30", a_list: "a list", a_hash: "names and values",
      too_large: "The input of %{step} is too large",
      code_digits: "must be %{digits} digits", code_wrong: "is not the one we sent", code_spent: "was wrong too often. Ask for a new one",
      submitted_elsewhere: "%{step} is being submitted elsewhere. Try again.", not_started: "%{step} is not awaited: nothing has started.",
      asked_again: "%{step} was asked for again meanwhile, and this input was for the time before.", already_done: "%{step} is already done.",
      too_late: "%{step} is not awaited any more: its time was over at %{at}.",
      waits_for: "%{step} is not awaited: the workflow waits for %{awaited}.", not_awaited: "%{step} is not awaited: the workflow is %{state}.",
      because: "%{state}: %{reason}"
    }.freeze

    class << self
      # @param name [Symbol] of {TEXTS}
      # @param values [Hash{Symbol=>Object}] that are in it; other wordings too
      # @return [Wording]
      def error(name, **values) = new("errors.#{name}", TEXTS.fetch(name), values)

      # @return [String] that error, in the locale
      def of(...) = error(...).to_s

      # @return [Wording] `workflow.steps.<name>`, or the name
      def step(name) = new("steps.#{name}", name.to_s)

      # @return [Wording] `workflow.run_states.<name>`, or its words
      def state(name) = new("run_states.#{name}", name.to_s.tr("_", " "))
    end

    def initialize(key, default, values = {})
      @key, @default, @values = key, default, values
    end

    # @return [String] in the locale
    def to_s
      return english unless defined?(::I18n.translate)
      ::I18n.translate("workflow.#{@key}", default: @default, **@values.transform_values { |value| value.to_s }).to_s
    rescue ::I18n::ArgumentError # the application's sentence has a value that this one has not
      english
    end

    # @return [String]
    def english
      return @default if @values.empty?
      format(@default, @values.transform_values { |value| value.is_a?(Wording) ? value.english : value.to_s })
    end
  end
end
