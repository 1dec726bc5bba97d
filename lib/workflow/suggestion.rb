# frozen_string_literal: true

module Workflow
  # The "Did you mean …?" at the end of an error. Says nothing when nothing is near.
  module Suggestion
    # @param word [Symbol, String] what was written
    # @param among [Array<Symbol, String>] what could have been meant
    # @return [String] " Did you mean x?" or ""
    def self.for(word, among)
      return "" unless defined?(DidYouMean::SpellChecker)
      near = DidYouMean::SpellChecker.new(dictionary: among.map(&:to_s)).correct(word.to_s).first
      near ? " Did you mean #{near}?" : ""
    end
  end
end
