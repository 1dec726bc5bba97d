# frozen_string_literal: true

module Workflow
  class Caller
    # Runs a public method that is no step under the log: here, for its value, or by a worker. Part of Caller.
    module MethodCalling
      private
        def call_now(name, arguments, keywords)
          definition = method_definition(name, {})
          refuse_within_transaction(name.to_sym, [ definition ])
          bytes = arguments_of(name, arguments, keywords, {})
          Inline.of(object) do |inline|
            outcome, snapshot, events, row = begin_method(inline.hand, definition, bytes, :now)
            raise NotPending, open_already(name, snapshot) if outcome == :existing
            inline.go_on(snapshot, events, row)
            raise inline.error if inline.error
            inline.value
          end
        end

        def call_later(name, arguments, keywords, options)
          raise ArgumentError, "with: takes a hash of keywords, not #{keywords.inspect}" unless keywords.is_a?(Hash)
          definition = method_definition(name, options)
          bytes = arguments_of(name, arguments, keywords, options)
          receipts = Receipts.in_transaction(klass)
          return promise(receipts, definition, args: bytes, place: :later) { [] } if receipts
          outcome, snapshot, events, = begin_method(nil, definition, bytes, :later)
          run = Run.new(snapshot, subject: object, existing: outcome == :existing)
          Instrumentation.publish_all(events, run)
          run
        end

        def begin_method(hand, definition, bytes, place)
          Workflow.engine.start(hand, definition.blueprint(klass), subject.bytes, subject.key(definition.name), bytes,
            place, Role.by)
        end

        def method_definition(name, options)
          refuse_hidden(name)
          declarations.of_method(name.to_sym, options)
        rescue DefinitionError => error
          raise if options.empty?
          raise ArgumentError, error.message
        end

        # @return [String, nil] nil: there are none, and nothing travels
        def arguments_of(name, arguments, keywords, options)
          none = arguments.empty? && keywords.empty? && options.empty?
          plain = options.transform_values { |value| value.is_a?(Numeric) && !value.is_a?(Integer) ? value.to_f : value }
          Travel.arguments(none ? nil : [ arguments, keywords, plain ], "the arguments of #{klass}##{name}") do |call|
            Secrets.filter ? Secrets.seal_call(call, parameters_of(name, arguments.size)) : call
          end
        end

        # What a rest takes has its name, all of it.
        # @return [Array<Symbol, nil>] names for so many arguments
        def parameters_of(name, count)
          parameters = Kernel.instance_method(:method).bind_call(object, name).parameters
          names = parameters.filter_map { |type, parameter| parameter if %i[req opt].include?(type) }
          rest = parameters.assoc(:rest)&.last
          Array.new(count) { |index| names[index] || rest }
        rescue NameError # only `respond_to?` knows it
          Array.new(count)
        end

        def refuse_hidden(name)
          return if object.respond_to?(name)
          hidden = object.respond_to?(name, true)
          raise DefinitionError, "#{klass}##{name} is private: only public methods are run under the log." if hidden
          raise DefinitionError, "#{klass} has neither a step nor a public method #{name}." \
            "#{Suggestion.for(name, klass.public_instance_methods)}"
        end

        def open_already(name, snapshot)
          "#{klass}##{name} is unique, and run #{snapshot[:id]} of it is #{snapshot[:state]} already."
        end
    end
  end
end
