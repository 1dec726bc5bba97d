# frozen_string_literal: true

module Workflow
  # Whether a method can be called with an input as its keywords: it takes each of them, and requires nothing else.
  module Keywords
    # @param parameters [Array] of the method, as Ruby has them
    # @param names [Array<Symbol>] of the input
    # @return [Array(Symbol, Symbol), nil] what does not fit, and the first name of it: :position (it requires that without a
    #   keyword), :missing (it requires that, and it is not among the names) or :surplus (it does not take that); nil: it can be called
    # @example
    #   Keywords.misfit([ [ :keyreq, :cod ] ], [ :code ])  # => [ :missing, :cod ]
    def self.misfit(parameters, names)
      of = ->(*types) { parameters.filter_map { |type, name| name || type if types.include?(type) } }
      positions = of.call(:req)
      return if of.call(:key, :keyreq, :keyrest, :nokey).empty? && as_hash?(names, positions, of.call(:opt, :rest))
      missing, surplus = of.call(:keyreq) - names, of.call(:keyrest).any? ? [] : names - taken(parameters)
      { position: positions, missing: missing, surplus: surplus }.each { |what, which| return [ what, which.first ] if which.any? }
      nil
    end

    # @param parameters [Array] of a method, as Ruby has them
    # @return [Array<Symbol>] the keywords that it names
    def self.taken(parameters) = parameters.filter_map { |type, name| name if %i[key keyreq].include?(type) }

    # Ruby hands keywords to a method that has none as one hash, and no hash if there are none.
    def self.as_hash?(names, required, others) = names.empty? ? required.empty? : required.size == 1 || required.empty? && others.any?
    private_class_method :as_hash?
  end
end
