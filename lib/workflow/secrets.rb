# frozen_string_literal: true

require "json"
require_relative "secrets/filter"
require_relative "secrets/veil"

module Workflow
  # Values whose names match `filter_parameters`: encrypted before they go to the log, opened only for the step that they
  # are for, and "[FILTERED]" wherever anything is shown. What else a value is made of stays readable beside them.
  module Secrets
    autoload :Box, "#{__dir__}/secrets/box" # and OpenSSL with it, six megabytes of a process that has no secrets

    SHOWN = "[FILTERED]"
    # What stands in the log in the place of one.
    KEY = "_workflow_sealed"
    MARK = "\"#{KEY}\":"

    class << self
      # @param values [Array] to be written
      # @return [Array] the same where nothing matches
      # @raise [DefinitionError] without a key
      def seal(values)
        filter = self.filter
        filter ? filter.apply(values) { |value, name| sealed(value, name) } : values
      end

      # Arguments have the names of their parameters.
      # @param call [Array] arguments, keywords, and options, which are ours
      # @param names [Array<Symbol>] of the arguments
      # @return [Array]
      def seal_call(call, names)
        filter = self.filter or return call
        arguments, keywords, options = call
        arguments = arguments.each_with_index.map { |value, index| filter.apply_to(names[index], value) { |found, name| sealed(found, name) } }
        [ arguments, *filter.apply([ keywords ]) { |value, name| sealed(value, name) }, options ]
      end

      # @param name [Symbol, String]
      # @return [Object] the value of what JSON knows; nil: the name does not match
      def seal_named(name, value) = (sealed(value, name) if match?(name))

      # @return [Boolean] whether a value of that name is one
      def match?(name) = !!filter&.match?(name)

      # @return [Boolean] whether there is one among the values
      def among?(values)
        found = false
        filter&.apply(values) { |value| (found = true) && value }
        found
      end

      # @param written [Object] of what JSON knows
      # @return [Object] with what is shown in their places
      def mask(written) = replace(written) { SHOWN }

      # @param written [Object] of what JSON knows
      # @return [Object] with the values themselves
      # @raise [KeyMissing]
      def open(written) = replace(written) { |text| JSON.parse(box.open(text)) }

      # @param bytes [String, nil]
      # @return [Boolean] whether there may be any in what was written
      def in?(bytes) = !bytes.nil? && bytes.include?(MARK)

      # @param written [Object] of what JSON knows
      # @return [Array<Object>] the values in it, as JSON has them
      # @raise [KeyMissing]
      def found_in(written, found = [])
        replace(written) { |text| found << JSON.parse(box.open(text)) }
        found
      end

      # What can be looked up without being read: the same for the same text.
      # @return [Array<String>] by each key, the newest first
      def digests(text) = box.digests(text)

      # Of nothing where nothing is filtered.
      # @return [Filter, nil]
      def filter
        filters = Workflow.configuration.filter_parameters
        return if filters.empty?
        made = @filter
        made&.of?(filters) ? made : @filter = Filter.new(filters)
      end

      private
        def sealed(value, name)
          { KEY => box.seal(JSON.generate(Serializer.write(value, "#{name || "a value"} (encrypted, as filter_parameters say)"))) }
        end

        def box
          secrets = Workflow.configuration.secrets
          made = @box
          made&.of?(secrets) ? made : @box = Box.new(secrets)
        end

        def replace(written, &block)
          case written
          when Array then written.map { |part| replace(part, &block) }
          when Hash then written.key?(KEY) ? block.call(written[KEY]) : written.transform_values { |part| replace(part, &block) }
          else written
          end
        end
    end
  end
end
