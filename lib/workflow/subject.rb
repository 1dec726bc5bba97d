# frozen_string_literal: true

require "digest"

module Workflow
  # The object that a run is about, as the log knows it: a record by base class and id, a plain object by what it
  # remembers. Makes the bytes and the key, and finds or rebuilds the object from them.
  class Subject
    KEY_LEN_MAX = 64
    # WF_SUBJECT_LEN_MAX of the core.
    LEN_MAX = 65_536
    # What stands between the columns of a primary key. Within the text of one it has a backslash in front of it.
    SEPARATORS = /[,\\]/

    # A record is asked for on another shard than workers look on.
    class OtherShard < Error; end

    # Why there is no object for a run that is there.
    LOST = [ SubjectMissing, DefinitionError, KeyMissing, OtherShard ].freeze

    class << self
      # @param object [Object] of a class that includes Workflow
      # @return [Subject]
      def of(object) = new(object)

      # @param word [String] that was called, for the error: "workflow_for"
      # @param object [Object] as it was given
      # @return [Object] the same
      # @raise [ArgumentError] of what no run can be about
      def checked(word, object)
        return object if object.class.is_a?(Declaring)
        got = nil.equal?(object) ? "nil: is the instance variable set in the controller?" : "#{object.is_a?(Module) ? "the class #{object} itself" : "a #{object.class}"}."
        raise ArgumentError, "#{word} got #{got} It takes a record or another object of a class that includes Workflow, or a run."
      end

      def record?(klass) = defined?(::ActiveRecord::Base) && klass <= ::ActiveRecord::Base

      # @return [String] the name that the log has for the class
      # @raise [NotSerializable] of a class without a name
      def class_name(klass)
        name = record?(klass) ? klass.base_class.name : klass.name
        name or raise NotSerializable, "#{klass.inspect} has no name, so that no worker could find it. Assign it to a constant."
      end

      # What the keys of a record begin with.
      # @param class_name [String]
      # @param id [Object, Array] its primary key
      def prefix_of(class_name, id) = "#{class_name}/#{text_of(id)}#"

      # @param id [Object, Array] the primary key of a record
      # @return [String] another one for each
      def text_of(id) = Array(id).map { |part| part.is_a?(String) ? part.gsub(SEPARATORS) { |found| "\\#{found}" } : part }.join(",")

      # @param klass [Class] of Active Record
      # @return [Boolean] whether its records are just now those of another shard than the default one
      def sharded?(klass) = klass.current_shard != klass.default_shard

      # @param klass [Class] of Active Record
      # @raise [OtherShard] than the class's default one, where a worker would look
      def refuse_shard(klass)
        return unless sharded?(klass)
        raise OtherShard, "#{klass} is on the shard #{klass.current_shard.inspect} here, and runs are about records of the default one " \
          "(#{klass.default_shard.inspect}) only: workers look there, and would take another record for this one. Use workflows outside of " \
          "connected_to(shard: #{klass.current_shard.inspect}), for records of the default shard."
      end

      # Finds a record afresh, or rebuilds a plain object.
      # @param class_name [String]
      # @param bytes [String] what {#bytes} returned
      # @return [Object]
      # @raise [SubjectMissing, DefinitionError, KeyMissing, OtherShard]
      def load(class_name, bytes)
        klass = constant(class_name)
        memory = remembered(klass, bytes)
        record?(klass) ? find(klass, memory.first) : rebuild(klass, memory.first || {})
      end

      # `new` for `Klass.start`, in the scope that the caller is in.
      def make(klass, *arguments, **keywords, &block)
        return klass.new(*arguments, **keywords, &block) unless record?(klass)
        attributes = arguments.first
        raise ArgumentError, "#{klass}.start takes attributes, as one hash or as keywords" if arguments.size > 1 ||
          (attributes && keywords.any?)
        klass.new(attributes || keywords, &block)
      end

      private
        def constant(name)
          klass = Object.const_get(name)
          return klass if klass.is_a?(Class)
          raise DefinitionError, "A run is about #{name}, which is no class any more but #{klass.class.name.downcase} #{klass.inspect}. Bring the class back, or cancel the run."
        rescue NameError => error
          raise DefinitionError, "A run is about #{name}, which this process does not know (#{error.message.lines.first.chomp}). " \
            "Load it, or name the file that does: bin/workflow work -r FILE."
        end

        # A record among what a plain object remembers may be gone.
        def remembered(klass, bytes)
          Serializer.open(bytes)
        rescue StandardError => error
          raise unless defined?(::ActiveRecord::RecordNotFound) && error.cause.is_a?(::ActiveRecord::RecordNotFound)
          raise SubjectMissing, "What #{klass} remembers is not in the database any more: #{error.cause.message}. Bring it back, then retry its run; " \
            "or leave the run as it is."
        end

        def rebuild(klass, memory)
          Memory.of(klass).rebuild(memory)
        rescue NotSerializable => error # its `new` takes more than it did when the run began
          raise DefinitionError, error.message
        end

        def find(klass, id)
          refuse_shard(klass)
          (plain?(klass) ? klass : klass.unscoped).find(id)
        rescue ::ActiveRecord::RecordNotFound
          raise SubjectMissing, "#{klass} #{id} is not in the database any more. Bring it back, then retry its run; or leave the run as it is."
        end

        # Whether its own `find`, for which Active Record keeps a statement, finds whatever there is.
        def plain?(klass) = !klass.scope_attributes? && klass.method(:find).owner == ::ActiveRecord::Core::ClassMethods
    end

    # @return [Object]
    attr_reader :object

    def initialize(object)
      @object = object
    end

    def klass = object.class
    def record? = Subject.record?(klass)
    def class_name = Subject.class_name(klass)

    # @return [String] what {Subject.load} takes
    # @raise [PayloadTooLarge] of what the log would not take
    def bytes = @bytes ||= checked(Serializer.dump([ record? ? id : memory ], "#{klass}"))

    # What the runs of one definition on this object are found by.
    # @param name [Symbol] of a definition
    def key(name) = "#{prefix}#{name}"

    # @return [String] what all its keys begin with
    def prefix = @prefix ||= "#{class_name}/#{short}#"

    # Whether it has been saved and can have, or had, runs.
    def identified? = !record? || object.persisted? || destroyed?

    private
      def id
        Subject.refuse_shard(klass)
        return object.id if object.persisted? || destroyed?
        raise NotSerializable, "This #{klass} is not saved, so that no run can be about it. Save it first."
      end

      # Here, since what a transaction promises is told only when it has committed.
      def checked(bytes)
        return bytes if bytes.bytesize <= LEN_MAX
        raise PayloadTooLarge, "What #{klass} remembers takes #{bytes.bytesize} bytes: at most #{LEN_MAX} are kept. Save it (a record, a file, a blob) and " \
          "remember what finds it."
      end

      # What was saved once is still known by its id.
      def destroyed? = object.destroyed? && !object.id.nil?

      def memory = @memory ||= Memory.of(klass).of(object)

      def short
        return Subject.text_of(id) if record?
        text = Serializer.dump(memory.values, "#{klass}") { |values| values }
        short = text.bytesize <= KEY_LEN_MAX ? text : Digest::SHA256.hexdigest(text)
        Secrets.filter && Secrets.among?([ memory ]) ? hidden(text, short) : short
      end

      # What is found by values that nobody is to see is found by a digest of them. Where there are runs that were started with
      # an earlier key, or before the values were filtered, it goes on by theirs.
      def hidden(text, plain)
        digests = Secrets.digests(text)
        [ plain, *digests.drop(1).reverse ].find { |earlier| Workflow.engine.ids({}, [ "#{class_name}/#{earlier}#" ]).any? } || digests.first
      end
  end
end
