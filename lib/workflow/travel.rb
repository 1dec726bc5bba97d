# frozen_string_literal: true

require_relative "travel/attributes"
require_relative "travel/surroundings"

module Workflow
  # What a run takes along from whoever starts it: the locale, the time zone, and the CurrentAttributes of `config.travels`.
  # Kept with the run's arguments, and only what is not the default, so that most runs keep nothing. Whatever is run of a
  # step finds it, wherever that is; who runs it has their own back afterwards. The method of an await that is submitted to
  # finds what is the submitter's.
  module Travel
    # Where it stands among the arguments: behind those of the method, its keywords and the options of the call.
    PLACE = 3
    NO_CALL = [ [], {}, {} ].freeze
    KEY = "travel"
    # What the arguments have somewhere if anything travels.
    MARK = "\"#{KEY}\":"

    class << self
      # Whose they are: Configuration's.
      # @param given [Object]
      # @return [Hash{String=>Array<Symbol>}]
      # @raise [DefinitionError]
      def read(given)
        raise DefinitionError, unreadable(given) unless given.is_a?(Hash)
        given.to_h { |klass, names| [ class_name(klass, given), names_of(names, given) ] }.freeze
      end

      # Checks that the classes and attributes of `config.travels` are there.
      # @raise [DefinitionError]
      def verify = Attributes.each(&:verify)

      # What a run is started with.
      # @param call [Array, nil] arguments, keywords and options, of a method's run
      # @param what [String] they are, for errors
      # @yield encrypts what is not to be read in the call
      # @return [String, nil] nil: nothing
      # @raise [NotSerializable, PayloadTooLarge, DefinitionError]
      def arguments(call, what, &)
        taken = Surroundings.written
        return (Serializer.dump(call, what, &) if call) unless taken
        Serializer.dump(call || NO_CALL, what, { KEY => taken }, &)
      end

      # What another run of the same is to be started with.
      # @param args [String, nil] of a run
      # @return [Hash, nil] for {Serializer.dump}
      def written_in(args)
        found = Serializer.written_at(PLACE, args) if args&.include?(MARK)
        found if found.is_a?(Hash) && found.key?(KEY)
      end

      # @param args [String, nil] of a run
      # @return [String, nil] the locale that it was started in; nil: the default
      def locale_in(args) = written_in(args)&.dig(KEY, "locale")

      # @param args [String, nil] of a run
      # @return [String, nil] the name of the time zone that it was started in; nil: the default
      def zone_in(args) = written_in(args)&.dig(KEY, "zone")

      # Runs what is to be run of a step with what its run took along. The method of an input that is being submitted is not run by
      # this: a person is there, and all this is theirs.
      # @param work [Work]
      def around(work)
        mine = Surroundings.here or return yield
        begin
          mine.exchange(written_in(work.args)&.fetch(KEY) || Surroundings::NONE, work)
          yield
        ensure
          mine.put_back
        end
      end

      private
        def class_name(klass, given)
          name = klass.is_a?(Module) ? klass.name : klass.to_s
          name.to_s.match?(/\A(::)?[[:upper:]]\w*(::[[:upper:]]\w*)*\z/) ? name.delete_prefix("::").freeze : raise(DefinitionError, unreadable(given))
        end

        def names_of(names, given)
          names = Array(names)
          raise DefinitionError, unreadable(given) unless names.any? && names.all? { |name| name.is_a?(Symbol) || name.is_a?(String) && !name.empty? }
          names.map(&:to_sym).uniq.freeze
        end

        def unreadable(given)
          "travels must be names of classes and of their attributes, such as { \"Current\" => %i[user tenant] }, not #{given.inspect}."
        end
    end
  end
end
