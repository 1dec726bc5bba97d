# frozen_string_literal: true

module Workflow
  class Fields
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
  end
end
