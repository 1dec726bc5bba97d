# frozen_string_literal: true

module Workflow
  # What `submit` is given: keywords, a hash, or the parameters of a request as they came; and whether the await's method can be
  # called with it.
  module Input
    class << self
      # @param await [Symbol]
      # @param given [Hash, ActionController::Parameters, nil]
      # @param keywords [Hash]
      # @param names [Array<Symbol>, nil] what the await takes; nil: it has no `fields:`, and takes anything
      # @return [Hash] of parameters only what the await takes
      # @raise [ArgumentError]
      def read(await, given, keywords, names)
        return keywords if given.nil?
        return { **taken(await, given, names), **keywords } if given.respond_to?(:to_unsafe_h)
        raise ArgumentError, "submit(#{await.inspect}) takes its input as keywords, a hash or parameters, not #{Options.shown(given)}" unless given.is_a?(Hash)
        { **(names ? given : by_name(await, given)), **keywords }
      end

      # @param object [Object] that has the await's method
      # @return [void]
      # @raise [ArgumentError] where that cannot be called so, of an await without `fields:`
      def check(object, await, input)
        method = OwnMethods.find_for_input(object.class, await) or return
        misfit = misfit(method.parameters, input.keys) or return
        file, line = method.source_location
        raise ArgumentError, "submit(#{await.inspect}): #{object.class}##{await}#{" (#{file}:#{line})" if file} #{misfit}"
      end

      private
        def taken(await, parameters, names)
          return parameters.to_unsafe_h.slice(*names.map(&:name)) if names
          return by_name(await, parameters.to_h) if parameters.permitted?
          raise ArgumentError, "submit(#{await.inspect}) was given parameters that are not permitted, and the await has no fields: that would say what it takes. " \
            "Write await #{await.inspect}, fields: { … }, or permit them."
        end

        def by_name(await, hash)
          hash.to_h do |name, value|
            raise ArgumentError, "submit(#{await.inspect}) takes names and values, and was given #{Options.shown(name)} for a name" unless name.is_a?(String) || name.is_a?(Symbol)
            [ name.to_sym, value ]
          end
        end

        # @return [String, nil] nil: it can be called
        def misfit(parameters, names)
          of = ->(*types) { parameters.filter_map { |type, name| name || type if types.include?(type) } }
          return misfit_of_hash(of, names) if of.call(:key, :keyreq, :keyrest).empty?
          return "requires #{of.call(:req).first} without a keyword, and its input comes as keywords: make it one." if of.call(:req).any?
          missing, untaken = of.call(:keyreq) - names, of.call(:keyrest).any? ? [] : names - of.call(:key, :keyreq)
          return "requires #{missing.first}:, which was not given." if missing.any?
          "does not take #{untaken.first}:, which was given.#{Suggestion.for(untaken.first, of.call(:key, :keyreq))}" if untaken.any?
        end

        # Ruby hands keywords to a method that has none as one hash.
        def misfit_of_hash(of, names)
          return "requires #{of.call(:req).join(", ")}, and nothing was given." if names.empty? && of.call(:req).any?
          return if names.empty? || of.call(:req).size == 1 || of.call(:req).empty? && of.call(:opt, :rest).any?
          "takes no input, and #{names.first}: was given. Write def …(#{names.first}:), or leave it out."
        end
    end
  end
end
