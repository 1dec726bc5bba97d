# frozen_string_literal: true

module Workflow
  # The open runs that the present code cannot carry on, for `rake workflow:check` and `bin/workflow check`: read page by
  # page, and counted by what is wrong. Run it with the new code on the old log, before the new code runs.
  class Check
    PAGE = 200
    SHOWN = 3
    OPEN = (Run::STATES - Run::ENDED - %i[none]).freeze
    # What a step is in when its turn has come.
    COME_TO = %i[ready running waiting retrying failed].freeze

    # What is wrong with how many runs, and the first few of them.
    class Finding
      # @return [String] "Order"
      attr_reader :class_name
      # @return [Symbol] "workflow"
      attr_reader :workflow
      # @return [Symbol, nil] as the runs call it; nil: none of its steps
      attr_reader :step
      # @return [String]
      attr_reader :why
      # @return [String] what to do, with the first of the runs
      attr_reader :remedy
      # @return [Integer] how many runs are paused there already
      attr_reader :paused
      # @return [Integer] how many will come there
      attr_reader :coming
      # @return [Array<Array(String, String)>] run and object of the first few
      attr_reader :first

      def initialize(snapshot, step, why, remedy)
        @class_name, @workflow = snapshot.values_at(:class_name, :name).then { |klass, name| [ klass, name.to_sym ] }
        @step, @why, @remedy = step, why, remedy
        @paused, @coming, @first = 0, 0, []
      end

      # @return [Array] what makes two findings the same
      def key = [ class_name, workflow, step, why ]

      # @return [Integer] how many runs
      def count = paused + coming

      # @return [Finding] itself
      def add(snapshot, paused)
        paused ? @paused += 1 : @coming += 1
        @first << [ snapshot[:id], snapshot[:key].rpartition("#").first ] if @first.size < SHOWN
        self
      end

      def to_s
        how = [ ("#{paused} paused at it already" if paused.positive?), ("#{coming} will stop when they come to it" if coming.positive?) ]
        runs = @first.map { |run, object| "#{object} (run #{run})" }
        runs << "…" if count > @first.size
        "#{class_name}#{", workflow #{workflow}" unless workflow == :workflow}#{", step #{step}" if step}: #{how.compact.join(", ")}\n" \
          "  #{why}\n  #{remedy}\n  #{runs.join(", ")}"
      end
    end

    # @return [String] "1 class", "2 classes"
    # @api private
    def self.count(number, word) = "#{number} #{word}#{(word.end_with?("s") ? "es" : "s") unless number == 1}"

    # @return [Integer] how many runs are open
    attr_reader :open
    # @return [Array<Finding>] none when all can go on
    attr_reader :findings

    # @raise [StoreError]
    # @example
    #   Workflow::Check.new.findings.sum(&:count)
    def initialize
      @open, @findings = 0, {}
      @path = Workflow.configuration.path
      snapshots { |snapshot| look_at(snapshot) } if (@there = File.exist?(@path))
      @findings = @findings.values
    end

    # @return [Boolean] whether all open runs can go on
    def good? = findings.empty?

    # @return [String] for whoever deploys
    def to_s
      runs = "workflow: #{Check.count(open, "open run")}"
      none = " There is no log at #{@path} yet: if there should be one, look at the store's address." unless @there
      return "#{runs}, all can go on with this code.#{none}" if good?
      "#{runs}; this code cannot carry on:\n\n#{findings.join("\n\n")}\n\n" \
        "Nothing is lost: a run stops where it cannot go on, and waits. Steps that went well stay so. See \"Changing a workflow\n" \
        "that has open runs\" in the README."
    end

    private
      # One page in memory at a time.
      def snapshots(&block)
        before = nil
        loop do
          page, before = Workflow.engine.search({ states: OPEN }, before, PAGE)
          page.each(&block)
          break unless before
        end
      end

      def look_at(snapshot)
        @open += 1
        known = Declarations.class_of(snapshot[:class_name])
        return found(snapshot, nil, *unknown(snapshot)) unless known
        klass = class_of_object(snapshot, known)
        return look_at_method(snapshot, klass) if snapshot[:name].start_with?(".")
        definition = Declarations.of(klass).workflow(snapshot[:name])
        Gap.all(snapshot, klass, definition).each { |gap| found(snapshot, definition && gap.step, gap.why, gap.remedy) }
      end

      def look_at_method(snapshot, klass)
        method = snapshot[:name].to_s.delete_prefix(".")
        return if klass.method_defined?(method)
        found(snapshot, method.to_sym, "#{klass} has no public method #{method} any more.", "Bring it back; or end the run: #{Gap.run(snapshot)}.cancel.")
      end

      def unknown(snapshot)
        name = snapshot[:class_name]
        [ "There is no class #{name} that includes Workflow.", "Bring it back, under that name; or end the run: #{Gap.run(snapshot)}.cancel." ]
      end

      # Of a record that may be of a subclass with a workflow of its own, the record has to be asked.
      def class_of_object(snapshot, klass)
        return klass unless Subject.record?(klass) && Declarations.several?(klass)
        Subject.load(snapshot[:class_name], snapshot[:subject]).class
      rescue SubjectMissing
        klass
      end

      def found(snapshot, step, why, remedy)
        finding = Finding.new(snapshot, step, why, remedy)
        (@findings[finding.key] ||= finding).add(snapshot, snapshot[:state] == :paused && come_to?(snapshot, step))
      end

      def come_to?(snapshot, step)
        step.nil? || snapshot[:steps].any? { |facts| facts[:name] == step && COME_TO.include?(facts[:state]) }
      end
  end
end
