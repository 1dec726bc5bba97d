# frozen_string_literal: true

module Workflow
  # What callers name: steps, workflows and methods, as symbols or strings.
  module Names
    # @param word [String] that was called, for the error: "submit"
    # @param name [Object] as it was given
    # @param what [String] that it names: "an await"
    # @return [Symbol]
    # @raise [ArgumentError] of what is no name
    def self.read(word, name, what)
      return name.to_sym if String === name || Symbol === name
      raise ArgumentError, "#{word} takes the name of #{what}, as a symbol, not #{Options.shown(name)}"
    rescue EncodingError
      raise ArgumentError, "#{word} takes the name of #{what}, as a symbol, not #{Options.shown(name)}, which is not valid text"
    end

    # The same of one that may be left out.
    # @return [Symbol, nil]
    def self.read_any(word, name, what) = nil.equal?(name) ? nil : read(word, name, what)
  end
end
