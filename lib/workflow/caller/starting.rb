# frozen_string_literal: true

module Workflow
  class Caller
    # Starts a run: saves a new record first, then runs the leading `now` steps here. Part of Caller.
    module Starting
      PLANNED = %i[priority wait wait_until].freeze
      KEY_LEN_MAX = 200
      PLACES = [ nil, :now, :later ].freeze

      # @return [Run, false]
      def start(name = nil, place: nil, key: nil, tags: {}, **others)
        name = Names.read_any("start", name, "a workflow")
        refuse(others) if others.any?
        raise ArgumentError, "place: must be :now or :later, not #{place.inspect}" unless PLACES.include?(place)
        tags, key = Tags.read(tags), key_of(key)
        definition = declarations.workflow!(name)
        blueprint = definition.blueprint(klass)
        run_of_key(key)&.then { |started| return started }
        args = Travel.arguments(nil, "what a run takes along")
        receipts = promised_in(key)
        within = subject.record? && Receipts.at(klass)&.open?
        return promise(receipts, definition, key: key, args: args, place: place) { saved(definition, tags, within) } if receipts
        tags = saved(definition, tags, within) or return false
        Inline.of(object) { |inline| begin_run(inline, definition, blueprint, args, place, tags, key) }
      end

      private
        def begin_run(inline, definition, blueprint, args, place, tags, key)
          outcome, snapshot, events, row = Workflow.engine.start(inline.hand, blueprint, subject.bytes,
            subject.key(definition.name), args, place, Role.by, tags, nil, key)
          return Run.new(snapshot, existing: true) if key && outcome == :existing
          run = inline.go_on(snapshot, events, row, existing: outcome == :existing)
          raise inline.error if @raising && inline.error
          run
        end

        # @return [String, nil]
        def key_of(key)
          return if key.nil?
          text = key.to_s if [ String, Symbol, Integer ].any? { |type| type === key }
          return text if text && text.bytesize.between?(1, KEY_LEN_MAX) && text.encode(Encoding::UTF_8).valid_encoding?
          raise ArgumentError, "key: is a string, a symbol or a number of 1 to #{KEY_LEN_MAX} bytes that names what is to be started once, not #{key.inspect}"
        end

        # What was started with the key, open or over.
        def run_of_key(key)
          snapshot = key && Workflow.engine.keyed(subject.class_name, key)
          Run.new(snapshot, existing: true) if snapshot
        end

        # The workflow's tags: are asked of the saved object. Where they cannot be kept, or the log says that it cannot start, a new record is not kept
        # either, whatever whoever is in a transaction makes of the error.
        # @param within [Boolean, nil] whether the caller is in a transaction of its own
        # @return [Array<String>, nil] its tags; nil: the record is invalid
        # @raise [StoreError] when the log has an open run of a record of before, to which the database had given this id
        def saved(definition, tags, within)
          return (Tags.of(object, definition, tags) if saved?) unless subject.record? && object.new_record?
          unknown = [ object.id ].flatten.any?(&:nil?)
          klass.transaction(requires_new: within) do
            next unless saved?
            earlier = open_run(definition) if unknown
            raise StoreError, older(earlier) if earlier
            Tags.of(object, definition, tags)
          end
        end

        def older(run)
          "#{subject.class_name} #{object.id} has just been made, and the log has an open run of one already, #{run.id} since #{run.started_at}: that was another record, of a " \
            "database that was made anew or restored since. Begin the log anew, with all runs gone (bin/rails workflow:reset), or end that run: " \
            "Workflow::Run.find(#{run.id.inspect}).cancel.#{" Tests want a log each: include Workflow::TestHelper, or require \"workflow/rspec\"." if Workflow.configuration.environment == "test"}"
        end

        def saved?
          return true if !subject.record? || object.persisted?
          raise NotSerializable, "This #{klass} is destroyed, so that no run can be about it." if object.destroyed?
          @raising ? object.save! : object.save
        end

        def refuse(options)
          name = options.keys.first
          raise ArgumentError, "start: the option #{name}: is not built yet. There are place:, key: and tags:." if PLANNED.include?(name)
          raise ArgumentError, "start takes no option #{name}:.#{Suggestion.for(name, [ :place, :key, :tags, *PLANNED ])}"
        end
    end

    # `Klass.start`: starts what it has just made, out of the scope that it was made in, which is no business of steps.
    # @return [Run, false]
    def self.start(object, raising: false)
      start = -> { new(object, raising: raising).start }
      Subject.record?(object.class) ? object.class.default_scoped.scoping(&start) : start.call
    end
  end
end
