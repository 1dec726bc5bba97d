# frozen_string_literal: true

module Workflow
  module Secrets
    # Takes the values that a step was given out of what it says: the message of an error, or of a rejection, often has
    # them in it, and goes to the log.
    class Veil
      # Of less than so many characters only whole words.
      SHORT = 4

      def initialize
        @written, @given = [], []
      end

      # @param bytes [String, nil] that were opened for the step
      # @return [Veil] itself
      def add(bytes)
        @written << bytes if Secrets.in?(bytes)
        self
      end

      # @param input [Hash] that was never written
      # @return [Veil] itself
      def add_input(input)
        Secrets.filter&.apply([ input ]) { |value| value.tap { @given << value } } unless input.empty?
        self
      end

      # @param text [String]
      # @return [String] without them
      def over(text)
        return text if @written.empty? && @given.empty?
        texts = @given.dup
        @written.each { |bytes| texts.concat(opened(bytes)) }
        words(texts).inject(text) { |veiled, word| veiled.gsub(word, SHOWN) }
      end

      private
        def opened(bytes)
          Secrets.found_in(Serializer.parse(bytes))
        rescue KeyMissing
          [] # then the step had none of them
        end

        # The longest first: one may be part of another.
        def words(values)
          texts_in(values).uniq.reject { |text| text.strip.empty? || text == SHOWN }.sort_by { |text| -text.size }.map do |text|
            pattern = Regexp.escape(text)
            Regexp.new(text.size < SHORT ? "(?<![[:alnum:]])#{pattern}(?![[:alnum:]])" : pattern)
          end
        end

        def texts_in(value)
          case value
          when Array then value.flat_map { |part| texts_in(part) }
          when Hash then value.flat_map { |key, part| key.to_s.start_with?("_aj_") ? [] : texts_in(part) } # those are Active Job's
          when String then [ value.dup.force_encoding(Encoding::UTF_8).scrub, value.inspect[1..-2] ].uniq
          when Symbol, Numeric then [ value.to_s ]
          else []
          end
        end
    end
  end
end
