# frozen_string_literal: true

module Workflow
  class Runs
    # How a query is read: by the store's own pages where it is about a class or one object; where it is about several
    # objects, their ids first. Part of Runs.
    module Reading
      PAGE = 100
      CHUNK = 1000

      # Newest first, in pages of 100.
      # @yieldparam run [Run] as it is when its page is read
      # @return [Runs, Enumerator] itself; without a block an enumerator
      # @example
      #   Order.workflows.failed.each { |run| run.retry }
      def each(&block)
        return enum_for(:each) unless block
        pages { |snapshots| snapshots.each { |snapshot| yield Run.new(snapshot) } }
        self
      end

      # The newest, or so many of them.
      # @return [Run, nil, Array<Run>]
      # @raise [ArgumentError] of a negative number
      # @example
      #   Order.workflows.failed.first(10)
      def first(count = nil)
        return newest(1).first if count.nil?
        raise ArgumentError, "first takes how many, a whole number, not #{Options.shown(count)}" unless count.is_a?(Integer)
        raise ArgumentError, "first: #{count} is negative" if count.negative?
        newest(count)
      end

      # Enumerable's: the first of which the block is true.
      # @raise [ArgumentError] of an id in the place of a block, which Enumerable would take for something else
      def find(*otherwise, &block)
        return super if block || otherwise.empty?
        raise ArgumentError, "find takes a block here. The run of an id: Workflow::Run.find(#{Options.shown(otherwise.first)})"
      end

      # Without a block or an argument counted by the store, and no run is made.
      # @return [Integer]
      # @example
      #   Order.workflows.failed.at(:charge).count
      def count(*item, &block)
        return super if block || item.any?
        subjects = prefixes
        return 0 if nothing?(subjects)
        many?(subjects) ? ids(subjects).size : counted(subjects&.first)
      end

      # @return [Integer]
      def size = count
      alias_method :length, :size

      # @return [Boolean]
      def empty? = first.nil?

      # @return [Boolean]
      def exists? = !empty?

      # @return [Boolean]
      def any?(*pattern, &block) = pattern.any? || block ? super : exists?

      # @return [Boolean]
      def none?(*pattern, &block) = pattern.any? || block ? super : empty?

      private
        # Those that all of the given objects have in common; nil: of all objects.
        def prefixes = @filters[:subjects].map(&:call).reduce(:&)
        def nothing?(subjects) = subjects&.empty? || @filters[:states]&.empty?
        def many?(subjects) = !subjects.nil? && subjects.size > 1

        def filter(subject = nil)
          { class_name: Subject.class_name(@klass), subject: subject, name: @filters[:name], states: @filters[:states],
            steps: @filters[:steps], tags: @filters[:tags].flatten }
        end

        def newest(count)
          found = []
          return found if count.zero?
          pages([ count, PAGE ].min) do |snapshots|
            found.concat(snapshots)
            break if found.size >= count
          end
          found.first(count).map { |snapshot| Run.new(snapshot) }
        end

        def pages(size = PAGE, &block)
          subjects = prefixes
          return if nothing?(subjects)
          many?(subjects) ? pages_of_many(subjects, size, &block) : pages_of_one(subjects&.first, size, &block)
        end

        # A page may be short, or empty, where few runs are meant among many: the core looks at some thousand at once.
        def pages_of_one(subject, size)
          before = nil
          loop do
            snapshots, before = Workflow.engine.search(filter(subject), before, size)
            yield snapshots if snapshots.any?
            break unless before
          end
        end

        def pages_of_many(subjects, size)
          ids(subjects).each_slice(size) { |ids| yield Workflow.engine.fetch(ids).select { |snapshot| still?(snapshot) } }
        end

        def ids(subjects)
          subjects.each_slice(CHUNK).flat_map { |chunk| Workflow.engine.ids(filter, chunk) }.sort!.reverse!
        end

        # It may have moved on since its id was read.
        def still?(snapshot)
          (@filters[:states].nil? || @filters[:states].include?(snapshot[:state])) &&
            @filters[:steps].all? { |name| snapshot[:steps].any? { |facts| facts[:name].name == name && Step.new(facts).reached? } }
        end

        def counted(subject)
          total, before = 0, nil
          loop do
            found, before = Workflow.engine.count(filter(subject), before)
            total += found
            return total unless before
          end
        end
    end
  end
end
