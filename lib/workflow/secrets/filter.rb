# frozen_string_literal: true

module Workflow
  module Secrets
    # Which values match, as Rails filters the parameters of requests: by part of a name, a regular expression, a path
    # ("card.number") or a proc that changes the value. By its own ActiveSupport::ParameterFilter, on a copy that has the
    # names, since only the values are to be replaced, and each stays of its class.
    class Filter
      MASK = Object.new.freeze
      PLAIN = [ String, Symbol, Numeric, true, false ].freeze

      # @param filters [Array]
      # @raise [DefinitionError] without Active Support
      def initialize(filters)
        require "active_support"
        require "active_support/parameter_filter"
        @filters = filters.dup.freeze
        @filter = ::ActiveSupport::ParameterFilter.new(@filters, mask: MASK)
      rescue LoadError
        raise DefinitionError, "filter_parameters needs the gem activesupport. Add it to the Gemfile, or leave filter_parameters out."
      end

      # @return [Boolean] whether it is one of these filters
      def of?(filters) = @filters == filters

      # @return [Boolean] whether values of that name match
      def match?(name) = MASK.equal?(@filter.filter_param(name.to_s, ""))

      # @param values [Array] without names of their own
      # @yieldparam value [Object] one that matches
      # @yieldparam name [Symbol, String] of it
      # @yieldreturn [Object] what stands in its place
      # @return [Array] the same where nothing matches
      def apply(values, &)
        return values if values.none? { |value| compound?(value) }
        values.map { |value| apply_to(nil, value, &) }
      end

      # @param name [Symbol, nil]
      # @return [Object]
      def apply_to(name, value, &)
        return replace({ name => value }, @filter.filter(name => skeleton(value)), &)[name] if name
        return apply(value, &) if value.is_a?(Array)
        return value unless compound?(value)
        replace(value, @filter.filter(skeleton(value)), &)
      end

      private
        def compound?(value) = value.is_a?(Hash) || value.is_a?(Array) || params?(value)
        # Of a controller, permitted: the log takes them as a hash.
        def params?(value) = value.respond_to?(:permitted?) && value.respond_to?(:to_h)

        # What a filter may look at, and a proc may change.
        def skeleton(value)
          case value
          when Hash then value.to_h { |key, part| [ key, skeleton(part) ] }
          when Array then value.map { |part| skeleton(part) }
          when String then value.dup
          when *PLAIN then value
          else params?(value) ? skeleton(value.to_h) : nil
          end
        end

        def replace(value, filtered, name = nil, &)
          return yield(value, name) if MASK.equal?(filtered)
          case value
          when Hash then replace_in(value, filtered, &)
          when Array then value.each_with_index.map { |part, index| replace(part, filtered[index], name, &) }
          when String then value == filtered ? value : yield(value, name)
          else params?(value) ? replace_in(value.to_h, filtered, &) : value
          end
        end

        def replace_in(hash, filtered, &)
          changed = hash.each_with_object({}) do |(key, part), found|
            new = replace(part, filtered[key], key, &)
            found[key] = new unless new.equal?(part)
          end
          return hash if changed.empty?
          merged = hash.merge(changed)
          Hash.ruby2_keywords_hash?(hash) ? Hash.ruby2_keywords_hash(merged) : merged
        end
    end
  end
end
