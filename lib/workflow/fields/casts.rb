# frozen_string_literal: true

require "bigdecimal"
require "date"
require_relative "../serializer"
require_relative "../suggestion"
require_relative "clock"
require_relative "text"

module Workflow
  class Fields
    # How a value becomes one of a type: what there is to say when it cannot (a name of {Wording::TEXTS}, or words), and a proc.
    module Casts
      INTEGER = /\A[+-]?\d{1,40}\z/
      NUMBER = /\A[+-]?(\d{1,40}(\.\d{1,40})?|\.\d{1,40})(e[+-]?\d{1,3})?\z/i
      TRUE = %w[true 1 on].freeze
      FALSE = %w[false 0 off].freeze

      class << self
        def text(value) = !(String === value) ? REFUSED : value.instance_of?(String) ? value : String.new(value)
        def symbol(value) = Symbol === value ? value : REFUSED

        def integer(value)
          return value if Integer === value
          digits(value, INTEGER) { |text| Integer(text, 10) }
        end

        def float(value)
          value = decimal(value) unless Float === value # which is silent about what is out of range
          value.equal?(REFUSED) || !(value = value.to_f).finite? ? REFUSED : value
        end

        def decimal(value)
          number?(value) ? BigDecimal(value.to_s) : digits(value, NUMBER) { |text| BigDecimal(text) }
        end

        def number(value) = number?(value) ? value : decimal(value)

        def date(value)
          return value.to_date if DateTime === value
          Date === value ? value : String === value ? Clock.date(value.strip) : REFUSED
        end

        def time(value)
          return Clock.of(value) if DateTime === value
          Time === value ? value : String === value ? Clock.time(value.strip) : REFUSED
        end

        def moment(value)
          return value if DateTime === value
          (time = time(value)).equal?(REFUSED) ? REFUSED : time.to_datetime
        end

        def boolean(value)
          return value if true.equal?(value) || false.equal?(value)
          TRUE.include?(value) ? true : FALSE.include?(value) ? false : REFUSED
        end

        def list(value) = Array === value && writable?(value) ? value : REFUSED
        def hash(value) = Hash === value && writable?(value) ? value : REFUSED

        private
          def number?(value)
            Integer === value || ((Float === value || BigDecimal === value) && value.finite?)
          end

          def digits(value, pattern)
            return REFUSED unless String === value && (text = value.strip).match?(pattern)
            yield text
          end

          # What is inside came from outside as well: the log must be able to take it, where it stands among the fields.
          def writable?(value)
            Serializer.dump([ { "field" => value } ], "a field") { |values| values } && clean?(value)
          rescue NotSerializable, PayloadTooLarge, SystemStackError
            false
          end

          def clean?(value)
            case value
            when String then !Text.clean(value).nil?
            when Array then value.all? { |part| clean?(part) }
            when Hash then value.all? { |key, part| clean?(key) && clean?(part) }
            else true
            end
          end
      end

      OF = {
        String => [ :a_text, method(:text) ], Symbol => [ :a_symbol, method(:symbol) ],
        Integer => [ :an_integer, method(:integer) ], Float => [ :a_number, method(:float) ],
        Numeric => [ :a_number, method(:number) ], BigDecimal => [ :a_number, method(:decimal) ],
        Date => [ :a_date, method(:date) ], Time => [ :a_time, method(:time) ], DateTime => [ :a_time, method(:moment) ],
        Array => [ :a_list, method(:list) ], Hash => [ :a_hash, method(:hash) ], boolean: [ :a_boolean, method(:boolean) ]
      }.freeze
      LITERALS = [ String, Symbol, Integer, Float, BigDecimal, Date, Time, TrueClass, FalseClass ].freeze
      # What others call them.
      MEANT = {
        "text" => "String", "int" => "Integer", "number" => "Numeric", "decimal" => "BigDecimal", "bool" => ":boolean",
        "trueclass" => ":boolean", "falseclass" => ":boolean", "json" => "Hash", "list" => "Array",
        "nilclass" => "[ String, nil ]", "" => "[ String, nil ]"
      }.freeze

      # @return [Array(Symbol|String, #call), nil] what is wanted and the cast; nil if it is no type
      def self.of_type(type)
        return OF[type] if OF.key?(type)
        return unless type.is_a?(Class) && ![ TrueClass, FalseClass, NilClass ].include?(type)
        name = type.name.to_s.split("::").last || "thing of the right class"
        [ "#{name.match?(/\A[AEIOU]/i) ? "an" : "a"} #{name}", ->(value) { type === value ? value : REFUSED } ]
      end

      # @return [Array(String, #call), nil] for one value that may be chosen
      def self.of_literal(literal)
        type = LITERALS.find { |known| known === literal } or return
        cast = OF.fetch([ TrueClass, FalseClass ].include?(type) ? :boolean : type).last
        cast = ->(value) { String === value && value == literal.name ? literal : symbol(value) } if type == Symbol
        [ literal.to_s, ->(value) { (value = cast.call(value)).equal?(REFUSED) || value != literal ? REFUSED : value } ]
      end

      # @return [String] " Did you mean String?" or ""
      def self.suggestion(type)
        word = type.to_s.downcase
        return " A choice is written [ #{type.inspect} ]." if type.is_a?(String) || type.is_a?(Numeric)
        return " Did you mean #{MEANT[word]}?" if MEANT.key?(word)
        Suggestion.for(word, OF.keys.map { |known| known == :boolean ? ":boolean" : known.to_s })
      end
    end
  end
end
