# frozen_string_literal: true

module Workflow
  # What the plain objects of a class remember, by the readers named in `remembers`, and how `new` makes one again:
  # each value goes to the parameter of its name, positional or keyword.
  class Memory
    POSITIONAL = %i[req opt].freeze
    KEYWORD = %i[keyreq key].freeze

    # @return [Memory] the one of a class, made once
    def self.of(klass) = Declarations.of(klass).memory

    def initialize(klass)
      @klass = klass
      @names = Declarations.of(klass).remembered
      @initialize = klass.instance_method(:initialize)
      @parameters = @initialize.parameters
      @positional = among(POSITIONAL).map(&:name)
      @keywords = among(KEYWORD).to_h { |name| [ name, name.name ] }
    end

    # @return [Boolean] whether `new` is what it was
    def current? = @klass.instance_method(:initialize) == @initialize

    # @return [Hash{String=>Object}]
    # @raise [NotSerializable, DefinitionError] when `new` could not make the object again
    def of(object)
      check
      @names.to_h { |name| [ name.to_s, read(object, name) ] }
    end

    # @param memory [Hash{String=>Object}] what {#of} returned
    # @return [Object]
    def rebuild(memory)
      check
      values = memory.values_at(*@positional)
      return @klass.new(*values) if @keywords.empty?
      @klass.new(*values, **@keywords.transform_values { |name| memory[name] })
    end

    private
      # The parameters of these types that are remembered.
      def among(types) = parameters(*types) & @names

      # Once is enough: it says the same until the class changes.
      def check
        return if @checked
        check_parameters
        @checked = true
      end

      def read(object, name)
        return object.__send__(name) if object.respond_to?(name, true)
        raise DefinitionError, "#{@klass} remembers #{name.inspect}, but has no reader of that name. Add attr_reader #{name.inspect}."
      end

      def check_parameters
        missing = parameters(:req, :keyreq) - @names
        raise NotSerializable, unsaid(missing) if missing.any?
        unknown = @names - parameters(*POSITIONAL, *KEYWORD)
        raise DefinitionError, unmatched(unknown) if unknown.any?
        gap = parameters(*POSITIONAL).drop_while { |name| @names.include?(name) } & @names
        raise NotSerializable, unsaid(parameters(*POSITIONAL) - @names) if gap.any?
      end

      def parameters(*types) = @parameters.filter_map { |type, name| name if types.include?(type) }

      def unsaid(names)
        "#{@klass}.new takes #{names.join(", ")}, which a worker would not know. Declare the readers to remember: " \
          "remembers #{names.map(&:inspect).join(", ")}."
      end

      def unmatched(names)
        "#{@klass} remembers #{names.map(&:inspect).join(", ")}, but its initialize has no parameter of that name."
      end
  end
end
