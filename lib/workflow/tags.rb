# frozen_string_literal: true

require "bigdecimal"

module Workflow
  # What a run is labelled with when it starts, to be found by: `workflow tags: -> { { plan: plan } }`, and
  # `start(tags: { … })` over it. Names and values are kept as strings: 5 and "5" are the same tag, 5 and 5.0 are not.
  module Tags
    MAX = 20
    LEN_MAX = 200 # bytes of a name or a value
    WANTED = "a hash of names and values: strings, symbols, numbers, true or false"

    class << self
      # @return [Boolean] whether it can be declared
      def declarable?(given)
        return Condition.askable?(given) && !given.is_a?(Symbol) if given.is_a?(Proc)
        given.is_a?(Hash) && read(given).compact.size <= MAX
      rescue NotSerializable, PayloadTooLarge
        false
      end

      # Checks what was given, and makes strings of it. A nil stays, to be left out in the end.
      # @param given [Hash]
      # @return [Hash{String=>String,nil}]
      # @raise [NotSerializable, PayloadTooLarge, ArgumentError]
      def read(given)
        raise ArgumentError, "tags: takes #{WANTED}, not #{given.inspect}" unless given.is_a?(Hash)
        given.to_h { |name, value| [ name_of(name), value.nil? ? nil : value_of(name, value) ] }
      end

      # What a run of this object is labelled with.
      # @param definition [Definition] whose tags: are asked of the object
      # @param given [Hash{String=>String,nil}] by the caller; wins
      # @return [Array<String>] name, value, name, value …
      # @raise [NotSerializable] also of a name that `filter_parameters` match
      def of(object, definition, given)
        tags = declared(object, definition).merge(given).compact
        raise PayloadTooLarge, "#{tags.size} tags: a run has at most #{MAX}." if tags.size > MAX
        tags.each_key { |name| refuse_filtered(name) }
        tags.flatten
      end

      private
        def declared(object, definition)
          tags = definition.options[:tags]
          tags = Condition.ask(tags, object) if tags.is_a?(Proc)
          return {} if tags.nil?
          return read(tags) if tags.is_a?(Hash)
          raise DefinitionError, "#{definition.location}: workflow #{definition.name.inspect}: tags: gave " \
            "#{tags.inspect}, not #{WANTED}."
        end

        def refuse_filtered(name)
          return unless Secrets.match?(name)
          raise NotSerializable, "The tag #{name} has a name that filter_parameters match, and tags are kept as they are, to be found by. Leave it out, " \
            "or tag what may be seen, under another name."
        end

        def name_of(name)
          raise NotSerializable, "The name of a tag is a symbol or a string, not #{name.inspect}." unless name.is_a?(Symbol) || name.is_a?(String)
          raise NotSerializable, "The name of a tag cannot be empty." if name.empty?
          text(name.to_s, "The name of the tag #{name.inspect}")
        end

        def value_of(name, value)
          case value
          when String, Symbol, true, false, Integer, Float then text(value.to_s, "The tag #{name}")
          when BigDecimal then text(value.to_s("F"), "The tag #{name}")
          else raise NotSerializable, "The tag #{name} is #{value.inspect}: a value is a string, a symbol, a number, true or false."
          end
        end

        def text(text, what)
          utf8 = text.encode(Encoding::UTF_8)
          raise NotSerializable, "#{what} is not valid text." unless utf8.valid_encoding?
          raise PayloadTooLarge, "#{what} has #{utf8.bytesize} bytes: at most #{LEN_MAX} are kept." if utf8.bytesize > LEN_MAX
          utf8
        rescue EncodingError
          raise NotSerializable, "#{what} is not valid text."
        end
    end
  end
end
