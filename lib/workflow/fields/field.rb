# frozen_string_literal: true

require_relative "../error"
require_relative "../serializer"
require_relative "../wording"
require_relative "casts"
require_relative "text"

module Workflow
  class Fields
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
        @kinds = kinds.map(&:first).uniq.freeze
        freeze
      end

      # @return [Array(Object, String)] the value, or what is wrong
      def read(value)
        return missing if nil.equal?(value)
        return [ nil, wanted ] unless Object === value
        return [ nil, Wording.of(:too_long) ] if String === value && value.bytesize > Serializer::LIMIT
        text = String === value ? Text.clean(value) : value
        cast = nil.equal?(text) ? REFUSED : cast(text)
        return [ cast, nil ] unless cast.equal?(REFUSED)
        String === text && text.match?(/\A[[:space:]]*\z/) ? missing : [ nil, wanted ]
      end

      private
        # In an array a class is a type, and so is :boolean; whatever else is there is a choice.
        def type?(one, type) = one.is_a?(Module) || one == :boolean || !type.is_a?(Array)

        def cast(value)
          @casts.each { |cast| (found = cast.call(value)).equal?(REFUSED) || (return found) }
          REFUSED
        end

        def missing = [ nil, @optional ? nil : Wording.of(:missing) ]

        def wanted = Wording.of(:wanted, wanted: in_words(@kinds.map { |kind| kind.is_a?(Symbol) ? Wording.of(kind) : kind }))

        def in_words(words)
          words.size < 2 ? words.first : Wording.of(:either, others: words[0..-2].join(", "), last: words.last)
        end

        def refuse(type)
          raise DefinitionError, "#{@what} #{type.inspect} is no type.#{Casts.suggestion(type)} Types are " \
            "#{Casts::OF.keys.map { |known| known.is_a?(Class) ? known.name : known.inspect }.join(", ")}, other classes, " \
            "and arrays of alternatives, such as [ Integer, nil ] or [ \"s\", \"m\" ]."
        end
    end
  end
end
