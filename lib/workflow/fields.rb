# frozen_string_literal: true

require "bigdecimal"
require "date"
require_relative "error"
require_relative "serializer"
require_relative "suggestion"

module Workflow
  # What an await takes: the names and types of `fields:`. Reads an input as forms send it: casts each value to its
  # type, and says what is wrong with it. An input comes from outside, so nothing in it is evaluated or made a symbol,
  # and nothing in it raises. Frozen.
  class Fields
    NAME = /\A[[:lower:]_][[:alnum:]_]*\z/
    SHOWN_LEN_MAX = 64
    UNKNOWN_MAX = 5
    # Keys that Active Job's format has a meaning for.
    RESERVED_PREFIX = "_aj_"
    # What a cast returns of a value that it does not take; nil and false are values.
    REFUSED = Object.new.freeze

    # @return [Array<Symbol>] in the order written
    attr_reader :names

    # @param types [Hash{Symbol=>Object}] a class, :boolean, or an array of alternatives, for each name
    # @param what [String] what they belong to, for errors: "app/models/order.rb:12: await :confirm"
    # @raise [DefinitionError] of a bad name or type
    # @example
    #   Fields.new({ code: String, count: [ Integer, nil ], size: %w[s m l] }, "order.rb:12: await :confirm")
    def initialize(types, what)
      @what = what
      unless types.is_a?(Hash) && types.any?
        raise DefinitionError, "#{what}: fields: must be names and their types, such as { code: String }, not #{types.inspect}."
      end
      @fields = types.to_h { |name, type| [ checked(name), Field.new(type, "#{what}: the field #{name}:") ] }.freeze
      @names = @fields.keys.freeze
      @by_text = @names.to_h { |name| [ name.to_s, name ] }.freeze
      freeze
    end

    # Casts an input. Each field is among the values then: one that is optional and was not given is nil.
    # @param input [Hash] as it came
    # @return [Array(Hash{Symbol=>Object}, Hash{Symbol=>Array<String>})] values, and what is wrong, by field
    # @example
    #   fields.read(code: "1234", count: "many")  # => [ { code: "1234" }, { count: [ "must be a whole number" ] } ]
    def read(input)
      values, errors = {}, {}
      known, unknown = sort(input)
      @fields.each do |name, field|
        value, error = field.read(known[name])
        error ? errors[name] = [ error ] : values[name] = value
      end
      refuse(unknown, errors)
      [ values, errors ]
    end

    private
      def checked(name)
        raise DefinitionError, "#{@what}: fields: #{unusable(name)}" unless name.is_a?(Symbol) && name.match?(NAME)
        return name unless name == :base || name.start_with?(RESERVED_PREFIX)
        raise DefinitionError, "#{@what}: fields: #{name}: is reserved " \
          "(#{name == :base ? "for errors of no one field" : "by Active Job"}). Give the field another name."
      end

      def unusable(name)
        written = name.to_s.downcase.gsub(/[^[:alnum:]]+/, "_")
        "#{name.inspect} cannot be the name of a field. Write a keyword, such as #{written.match?(NAME) ? written : "code"}:."
      end

      # What belongs to fields, by name, and the keys that belong to none.
      def sort(input)
        known, unknown = {}, []
        input.each do |key, value|
          name = known_as(key)
          name ? known[name] = value : unknown << key
        end
        [ known, unknown ]
      end

      # By its text, looked up: a key that came as a string is not made a symbol.
      def known_as(key) = String === key || Symbol === key ? @by_text[key.to_s] : nil

      def refuse(unknown, errors)
        unknown.first(UNKNOWN_MAX).each { |key| refuse_one(key, errors) }
        more = unknown.size - UNKNOWN_MAX
        (errors[:base] ||= []) << "#{more} more are not fields of #{step}" if more.positive?
      end

      # Only what is a symbol already, and looks like a field, can have an error of its own.
      def refuse_one(key, errors)
        word = shown(key)
        text = "is not a field of #{step}.#{Suggestion.for(word, names) if word}"
        return errors[key] = [ text.delete_suffix(".") ] if word && Symbol === key && key != :base
        (errors[:base] ||= []) << "#{word || "What was given"} #{text}".delete_suffix(".")
      end

      def shown(key)
        word = Text.clean(key.to_s) if Symbol === key || String === key
        word if word && word.size <= SHOWN_LEN_MAX && word.match?(NAME)
      end

      def step = @what[/:([[:alnum:]_]+[?!]?)\z/, 1] || "the await"

    # Strings from outside.
    module Text
      # @param text [String]
      # @return [String, nil] in UTF-8; nil if it is not text, or has a NUL in it, which databases refuse
      def self.clean(text)
        text = text.dup.force_encoding(Encoding::UTF_8) if text.encoding == Encoding::BINARY
        text = text.encode(Encoding::UTF_8) unless text.encoding == Encoding::UTF_8
        text if text.valid_encoding? && !text.include?("\0")
      rescue EncodingError
        nil
      end
    end

    # Moments as ISO 8601 has them; a form's datetime-local field leaves out the zone, and it is the application's then.
    module Clock
      DATE = /\A(\d{4})-(\d\d)-(\d\d)\z/
      TIME = /\A(\d{4})-(\d\d)-(\d\d)[T ]([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d(?:\.\d{1,9})?))?(Z|[+-]\d\d:?\d\d)?\z/i

      class << self
        def date(text)
          parts = DATE.match(text)&.captures&.map { |part| part.to_i } or return REFUSED
          Date.valid_date?(*parts) ? Date.new(*parts) : REFUSED
        end

        def time(text)
          *numbers, second, zone = TIME.match(text)&.captures || (return REFUSED)
          numbers = numbers.map { |number| number.to_i }
          return REFUSED unless Date.valid_date?(*numbers.first(3))
          at(numbers << (second || "0").to_r, zone)
        rescue ArgumentError # an offset of 99 hours
          REFUSED
        end

        # What `to_time` gives depends on Active Support's settings.
        def of(moment)
          utc = moment.new_offset(0)
          Time.utc(utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second + utc.second_fraction)
        end

        private
          def at(numbers, zone)
            return Time.utc(*numbers) if zone&.casecmp?("z")
            return Time.new(*numbers, zone.sub(/(\d\d):?(\d\d)\z/, '\1:\2')) if zone
            here = Time.zone if Time.respond_to?(:zone)
            here ? here.local(*numbers) : Time.local(*numbers)
          end
      end
    end

    # How a value becomes one of a type: what there is to say when it cannot, and a proc.
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

          # What is inside came from outside as well: the log must be able to take it.
          def writable?(value)
            Serializer.dump([ value ], "a field") && true
          rescue NotSerializable, PayloadTooLarge, SystemStackError
            false
          end
      end

      OF = {
        String => [ "text", method(:text) ], Symbol => [ "a symbol", method(:symbol) ],
        Integer => [ "a whole number", method(:integer) ], Float => [ "a number", method(:float) ],
        Numeric => [ "a number", method(:number) ], BigDecimal => [ "a number", method(:decimal) ],
        Date => [ "a date, such as 2026-12-31", method(:date) ],
        Time => [ "a date and time, such as 2026-12-31T18:30", method(:time) ],
        DateTime => [ "a date and time, such as 2026-12-31T18:30", method(:moment) ],
        Array => [ "a list", method(:list) ], Hash => [ "names and values", method(:hash) ],
        boolean: [ "true or false", method(:boolean) ]
      }.freeze
      LITERALS = [ String, Symbol, Integer, Float, BigDecimal, Date, Time, TrueClass, FalseClass ].freeze
      # What others call them.
      MEANT = {
        "text" => "String", "int" => "Integer", "number" => "Numeric", "decimal" => "BigDecimal", "bool" => ":boolean",
        "trueclass" => ":boolean", "falseclass" => ":boolean", "json" => "Hash", "list" => "Array",
        "nilclass" => "[ String, nil ]", "" => "[ String, nil ]"
      }.freeze

      # @return [Array(String, #call), nil] what is wanted and the cast; nil if it is no type
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

    # One of the fields: what it takes, as casts that are tried one after another.
    class Field
      # @param what [String] for errors
      # @raise [DefinitionError]
      def initialize(type, what)
        @what = what
        alternatives = type.is_a?(Array) ? type : [ type ]
        @optional = type.is_a?(Array) && type.include?(nil)
        types, literals = (@optional ? alternatives.compact : alternatives).partition { |one| type?(one, type) }
        kinds = literals.map { |one| Casts.of_literal(one) || refuse(one) } + types.map { |one| Casts.of_type(one) || refuse(one) }
        refuse(type) if kinds.empty?
        @casts = kinds.map(&:last)
        @wanted = "must be #{in_words(kinds.map(&:first).uniq)}"
        freeze
      end

      # @return [Array(Object, String)] the value, or what is wrong
      def read(value)
        return missing if nil.equal?(value)
        return [ nil, @wanted ] unless Object === value
        return [ nil, "is too long" ] if String === value && value.bytesize > Serializer::LIMIT
        text = String === value ? Text.clean(value) : value
        cast = nil.equal?(text) ? REFUSED : cast(text)
        return [ cast, nil ] unless cast.equal?(REFUSED)
        String === text && text.match?(/\A[[:space:]]*\z/) ? missing : [ nil, @wanted ]
      end

      private
        # In an array a class is a type, and so is :boolean; whatever else is there is a choice.
        def type?(one, type) = one.is_a?(Module) || one == :boolean || !type.is_a?(Array)

        def cast(value)
          @casts.each { |cast| (found = cast.call(value)).equal?(REFUSED) || (return found) }
          REFUSED
        end

        def missing = [ nil, @optional ? nil : "is missing" ]

        def in_words(words) = [ words[0..-2].join(", "), words.last ].reject(&:empty?).join(" or ")

        def refuse(type)
          raise DefinitionError, "#{@what} #{type.inspect} is no type.#{Casts.suggestion(type)} Types are " \
            "#{Casts::OF.keys.map { |known| known.is_a?(Class) ? known.name : known.inspect }.join(", ")}, other classes, " \
            "and arrays of alternatives, such as [ Integer, nil ] or [ \"s\", \"m\" ]."
        end
    end
    private_constant :Text, :Clock, :Casts, :Field
  end
end
