# frozen_string_literal: true

module Workflow
  # What the plain objects of a class remember, by the readers named in `remembers`, and how `new` makes one again:
  # each value goes to the parameter of its name, positional or keyword. A Struct or a Data remembers its members, and an Active Model with
  # ActiveModel::Attributes its attributes, without a word; both, and an Active Model with `remembers`, get them as their own `new` takes them.
  class Memory
    POSITIONAL = %i[req opt].freeze
    KEYWORD = %i[keyreq key].freeze
    # Data is there from Ruby 3.2 on.
    STRUCTS = [ Struct, *(::Data if defined?(::Data) && ::Data.respond_to?(:define)) ].freeze
    REST = { rest: "*", keyrest: "**" }.freeze

    # @return [Memory] the one of a class, made once
    def self.of(klass) = Declarations.of(klass).memory

    def initialize(klass)
      @klass = klass
      @initialize = klass.instance_method(:initialize)
      @parameters = @initialize.parameters
      @names = Declarations.of(klass).remembered
      @names = own_names if @names.empty?
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
      return of_members(memory) if struct?
      return @klass.new(memory) if assigned?
      values = memory.values_at(*@positional)
      return @klass.new(*values) if @keywords.empty?
      @klass.new(*values, **@keywords.transform_values { |name| memory[name] })
    end

    private
      # The parameters of these types that are remembered.
      def among(types) = parameters(*types) & @names

      def own_names
        return @klass.members if struct?
        assigned? && @klass.respond_to?(:attribute_names) ? @klass.attribute_names.map(&:to_sym) : []
      end

      # With the `new` that all of them have.
      def struct? = STRUCTS.any? { |kind| @klass < kind && @initialize.owner == kind }

      # Whether `new` takes a hash of attributes and assigns them: Active Model's own.
      def assigned? = @klass.method_defined?(:assign_attributes) && @initialize.owner.name.to_s.start_with?("ActiveModel::")

      def of_members(memory)
        return @klass.new(**memory.transform_keys(&:to_sym)) unless @klass < Struct && !@klass.keyword_init?
        @klass.new(*@klass.members.map { |name| memory[name.name] })
      end

      # Once is enough: it says the same until the class changes.
      def check
        return if @checked
        struct? || assigned? ? check_assigned : check_parameters
        @checked = true
      end

      def read(object, name)
        return object.__send__(name) if object.respond_to?(name, true)
        raise DefinitionError, "#{@klass} remembers #{name.inspect}, but has no reader of that name. Add attr_reader #{name.inspect}."
      end

      def check_assigned
        raise NotSerializable, unsaid([ "attributes" ], example: [ :email ]) if @names.empty? && assigned?
      end

      def check_parameters
        missing = parameters(:req, :keyreq) - @names
        raise NotSerializable, unsaid(missing) if missing.any?
        raise NotSerializable, unbound if @names.empty? && rest.any?
        unknown = @names - parameters(*POSITIONAL, *KEYWORD)
        raise DefinitionError, unmatched(unknown) if unknown.any?
        gap = parameters(*POSITIONAL).drop_while { |name| @names.include?(name) } & @names
        raise NotSerializable, unsaid(parameters(*POSITIONAL) - @names) if gap.any?
      end

      def parameters(*types) = @parameters.filter_map { |type, name| name if types.include?(type) }

      # What takes whatever it is given.
      def rest = @parameters.filter_map { |type, name| "#{REST[type]}#{name unless REST.value?(name.to_s)}" if REST.key?(type) }

      def unsaid(names, example: names)
        "#{@klass}.new takes #{names.join(", ")}, which a worker would not know. Declare the readers to remember: " \
          "remembers #{example.map(&:inspect).join(", ")}."
      end

      def unbound
        "#{@klass}.new takes #{rest.join(", ")} (#{@initialize.owner}), and what it is given a worker would not know. Write an initialize with the parameters by name, and " \
          "declare their readers: remembers :name; or an initialize without parameters, if there is nothing to remember."
      end

      def unmatched(names)
        "#{@klass} remembers #{names.map(&:inspect).join(", ")}, but its initialize has no parameter of that name."
      end
  end
end
