# frozen_string_literal: true

require "bigdecimal"
require "date"
require "time"

module Workflow
  # Active Job's argument format for the basic types, for processes without Active Job. Called by Serializer only.
  module BasicArguments
    GLOBALID = "_aj_globalid"
    SYMBOL_KEYS = "_aj_symbol_keys"
    KEYWORDS = "_aj_ruby2_keywords"
    INDIFFERENT = "_aj_hash_with_indifferent_access"
    SERIALIZED = "_aj_serialized"
    RESERVED = [ GLOBALID, SYMBOL_KEYS, KEYWORDS, INDIFFERENT, SERIALIZED ].freeze
    PREFIX = "ActiveJob::Serializers::"

    # class => [name of Active Job's serializer, to the value, from the value]; DateTime before Date, its parent
    OBJECTS = {
      Symbol => [ "Symbol", :to_s.to_proc, :to_sym.to_proc ],
      BigDecimal => [ "BigDecimal", :to_s.to_proc, ->(value) { BigDecimal(value) } ],
      DateTime => [ "DateTime", ->(time) { time.iso8601(9) }, ->(value) { DateTime.iso8601(value) } ],
      Date => [ "Date", :iso8601.to_proc, ->(value) { Date.iso8601(value) } ],
      Time => [ "Time", ->(time) { time.iso8601(9) }, ->(value) { Time.iso8601(value) } ],
      Module => [ "Module", ->(mod) { mod.name or raise TypeError, "a class without a name" },
        ->(value) { Object.const_get(value) } ]
    }.freeze

    class << self
      # @param values [Array]
      # @return [Array] of what JSON knows
      def serialize(values) = values.map { |value| dump(value) }

      # @return [Array]
      def deserialize(values) = values.map { |value| load(value) }

      private
        def dump(value)
          case value
          when nil, true, false, Integer, Float, String then value
          when Array then serialize(value)
          when Hash then dump_hash(value)
          when Range then tagged("Range", "begin" => dump(value.begin), "end" => dump(value.end),
            "exclude_end" => value.exclude_end?)
          else dump_object(value)
          end
        end

        def dump_object(value)
          return { GLOBALID => value.to_global_id.to_s } if value.respond_to?(:to_global_id)
          type = OBJECTS.keys.find { |known| value.is_a?(known) } or
            raise TypeError, "Unsupported argument type: #{value.class}"
          name, write, = OBJECTS.fetch(type)
          tagged(name, "value" => write.call(value))
        end

        def tagged(name, values) = { SERIALIZED => "#{PREFIX}#{name}Serializer" }.merge(values)

        def dump_hash(hash)
          dumped = hash.to_h { |key, value| [ dump_key(key), dump(value) ] }
          return dumped.merge(INDIFFERENT => true) if hash.respond_to?(:with_indifferent_access) && indifferent?(hash)
          kind = Hash.ruby2_keywords_hash?(hash) ? KEYWORDS : SYMBOL_KEYS
          dumped.merge(kind => hash.keys.grep(Symbol).map(&:to_s))
        end

        def indifferent?(hash)
          defined?(::ActiveSupport::HashWithIndifferentAccess) && hash.is_a?(::ActiveSupport::HashWithIndifferentAccess)
        end

        def dump_key(key)
          raise TypeError, "a hash key must be a string or a symbol, not #{key.inspect}" unless key.is_a?(String) || key.is_a?(Symbol)
          raise TypeError, "the hash key #{key} is reserved" if reserved?(key.to_s)
          key.to_s
        end

        def load(value)
          case value
          when Array then deserialize(value)
          when Hash then load_hash(value)
          else value
          end
        end

        # Nearly all say which of their keys were symbols, and are no more than that; such a one is made of what was parsed.
        def load_hash(hash)
          symbols = hash.delete(SYMBOL_KEYS) or return load_marked(hash)
          hash.each { |key, value| hash[key] = load(value) if Hash === value || Array === value }
          symbols.empty? ? hash : hash.transform_keys { |key| symbols.include?(key) ? key.to_sym : key }
        end

        def load_marked(hash)
          return locate(hash[GLOBALID]) if hash.key?(GLOBALID)
          return load_object(hash) if hash.key?(SERIALIZED)
          symbols = hash[KEYWORDS] || []
          loaded = {}
          hash.each { |key, value| loaded[symbols.include?(key) ? key.to_sym : key] = load(value) unless reserved?(key) }
          return indifferent(loaded) if hash.key?(INDIFFERENT)
          hash.key?(KEYWORDS) ? Hash.ruby2_keywords_hash(loaded) : loaded
        end

        def reserved?(key) = key.start_with?("_aj_") && RESERVED.include?(key)

        def indifferent(hash)
          hash.respond_to?(:with_indifferent_access) ? hash.with_indifferent_access : hash
        end

        def load_object(hash)
          name = hash[SERIALIZED].delete_prefix(PREFIX).delete_suffix("Serializer")
          return Range.new(load(hash["begin"]), load(hash["end"]), hash["exclude_end"]) if name == "Range"
          _, _, read = OBJECTS.each_value.find { |known, *| known == name }
          raise TypeError, "#{hash[SERIALIZED]} needs Active Job: require \"active_job\"" unless read
          read.call(hash["value"])
        end

        def locate(global_id)
          raise TypeError, "#{global_id} needs the globalid gem" unless defined?(::GlobalID::Locator)
          ::GlobalID::Locator.locate(global_id)
        end
    end
  end
end
