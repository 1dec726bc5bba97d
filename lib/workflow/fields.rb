# frozen_string_literal: true

require_relative "error"
require_relative "suggestion"
require_relative "fields/field"

module Workflow
  # What an await takes: the names and types of `fields:`. Reads an input as forms send it: casts each value to its
  # type, and says what is wrong with it. An input comes from outside, so nothing in it is evaluated or made a symbol,
  # and nothing in it raises. Frozen.
  class Fields
    NAME = /\A[[:lower:]_][[:alnum:]_]*\z/
    SHOWN_LEN_MAX = 64
    UNKNOWN_MAX = 5
    # What Rails' form builders, and our own, ask the object of a form for.
    OF_FORMS = %i[errors to_model field_names type_of choices_of text_of].freeze
    # Keys that Active Job's format has a meaning for.
    RESERVED_PREFIX = "_aj_"
    # What a cast returns of a value that it does not take; nil and false are values.
    REFUSED = Object.new.freeze

    # @return [Array<Symbol>] in the order written
    attr_reader :names
    # @return [Hash{Symbol=>Object}] as they were written, by name
    attr_reader :types

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
      @names, @types = @fields.keys.freeze, types.dup.freeze
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

    # Why a method cannot be called with the fields as keywords: each of them is given, and nothing else.
    # @param parameters [Array] of the method, as Ruby has them
    # @return [String, nil] nil: it can be called
    # @example
    #   fields.misfit([ [ :keyreq, :cod ] ])  # => "requires cod:, which is no field. Did you mean code?"
    def misfit(parameters)
      case Keywords.misfit(parameters, names)
      in nil then nil
      in [ :position, name ] then "requires #{name} without a keyword. Make it one."
      in [ :missing, name ] then "requires #{name}:, which is no field.#{Suggestion.for(name, names)}"
      in [ :surplus, name ] then "does not take the field #{name}:. Add it to the method, or **rest."
      end
    end

    private
      def checked(name)
        raise DefinitionError, "#{@what}: fields: #{unusable(name)}" unless name.is_a?(Symbol) && name.match?(NAME)
        reserved = if name == :base then "for errors of no one field"
        elsif name.start_with?(RESERVED_PREFIX) then "by Active Job"
        elsif OF_FORMS.include?(name) then "for what forms ask of their object"
        end
        reserved ? raise(DefinitionError, "#{@what}: fields: #{name}: is reserved (#{reserved}). Give the field another name.") : name
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

    private_constant :Text, :Clock, :Casts, :Field
  end
end
