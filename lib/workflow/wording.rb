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

    # Those that have nothing in them of what was sent, and say enough not to be met by chance.
    WITHOUT_INPUT = %i[
      missing too_long too_large code_digits code_wrong code_spent submitted_elsewhere not_started asked_again already_done too_late waits_for not_awaited
    ].freeze
    # The other values of these.
    ANYTHING = %i[state awaited at digits].to_h { |value| [ value, "\0" ] }.freeze
    private_constant :WITHOUT_INPUT, :ANYTHING

    class << self
      # @param text [String] an error of an input
      # @param steps [Array<Symbol>] that it can be about
      # @return [Boolean] whether it is one of the gem's own sentences, in the present locale, with nothing in it of what was sent
      # @api private
      def ours?(text, steps)
        WITHOUT_INPUT.any? { |name| steps.any? { |step| pattern(name, step).match?(text) } }
      end

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

      private
        def pattern(name, step)
          sentence = of(name, step: self.step(step), **ANYTHING)
          Regexp.new("\\A#{sentence.split("\0", -1).map { |part| Regexp.escape(part) }.join(".*")}\\z", Regexp::MULTILINE)
        end
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
