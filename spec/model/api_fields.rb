# frozen_string_literal: true

require "bigdecimal"
require "date"

module Differential
  # What an await takes (`fields:`), what people send, and what becomes of it as the documents have it: the value that it is
  # cast to, or what is wrong with it.
  module ApiFields
    Wrong = Struct.new(:text)

    FIELDS = {
      whole: { code: Integer, size: %w[s m], on: [ Date, nil ] },
      exact: { code: Numeric, size: %i[s m], on: [ Time, nil ] },
      loose: { code: [ Integer, nil ], size: [ "s", "m", nil ], on: [ String, nil ] }
    }.freeze

    # By how it is sent: nil is as a program does, :form as a form does, with keys that are strings.
    SENT = {
      nil => ->(number) { { code: number, size: "s" } },
      form: ->(number) { { "code" => " #{number} ", "size" => "m", "on" => "2026-02-28" } },
      blank: ->(number) { { code: number, size: " ", on: "" } },
      partial: ->(_) { { size: "m" } },
      nothing: ->(_) { {} },
      wild: ->(_) { { code: "many", size: "xl", on: "tomorrow" } },
      more: ->(number) { { code: number, size: "s", colour: "red", "no_field" => 1 } }
    }.freeze

    MISSING, NUMBER, CHOICE = Wrong.new("is missing"), Wrong.new("must be a whole number"), Wrong.new("must be s or m")
    DAY, MOMENT = Wrong.new("must be a date, such as 2026-12-31"), Wrong.new("must be a date and time, such as 2026-12-31T18:30")
    READ = {
      whole: { code: { nil => MISSING, "many" => NUMBER }, size: { nil => MISSING, " " => MISSING, "xl" => CHOICE },
        on: { "" => nil, "2026-02-28" => Date.new(2026, 2, 28), "tomorrow" => DAY } },
      exact: { code: { nil => MISSING, "many" => Wrong.new("must be a number") },
        size: { nil => MISSING, " " => MISSING, "xl" => CHOICE, "s" => :s, "m" => :m }, on: { "" => nil, "2026-02-28" => MOMENT, "tomorrow" => MOMENT } },
      loose: { code: { "many" => NUMBER }, size: { " " => nil, "xl" => CHOICE }, on: {} }
    }.freeze

    class << self
      # @param fields [Symbol, nil] nil: anything goes, by its name
      # @return [Array(Hash, Hash)] the input as the method gets it, and what is wrong
      def read(fields, input)
        sent = input.transform_keys(&:to_sym)
        return [ sent, {} ] unless fields
        made = FIELDS.fetch(fields).keys.to_h { |name| [ name, value(fields, name, sent[name]) ] }
        wrong = made.select { |_, value| value.is_a?(Wrong) }.transform_values { |value| [ value.text ] }
        [ made, wrong.merge(strangers(input)) ]
      end

      private
        def value(fields, name, sent)
          known = READ.dig(fields, name)
          return known[sent] if known.key?(sent)
          name == :code && sent.is_a?(String) ? number(fields, sent) : sent
        end

        def number(fields, text) = fields == :exact ? BigDecimal(text.strip) : Integer(text.strip)

        # What is no field, by whether it could be the name of one in the code.
        def strangers(input)
          input.keys.select { |key| %w[colour no_field].include?(key.to_s) }.to_h { |key| [ key.is_a?(Symbol) ? key : :base, nil ] }
        end
    end
  end
end
