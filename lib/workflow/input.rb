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
        if given.respond_to?(:to_unsafe_h) then given = taken(await, given, names)
        elsif given && !given.is_a?(Hash)
          raise ArgumentError, "submit(#{await.inspect}) takes its input as keywords, a hash or parameters, not #{Options.shown(given)}"
        end
        input = given ? given.merge(keywords) : keywords
        names ? input : by_name(await, input)
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
          return parameters.to_h if parameters.permitted?
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
          case Keywords.misfit(parameters, names)
          in nil then nil
          in [ :position, name ] if names.empty? then "requires #{name}, and nothing was given."
          in [ :position, name ] then "requires #{name} without a keyword, and its input comes as keywords: make it one."
          in [ :missing, name ] then "requires #{name}:, which was not given."
          in [ :surplus, name ] then surplus(name, Keywords.taken(parameters))
          end
        end

        def surplus(name, taken)
          return "takes no input, and #{name}: was given. Write def …(#{name}:), or leave it out." if taken.empty?
          "does not take #{name}:, which was given.#{Suggestion.for(name, taken)}"
        end
    end
  end
end
