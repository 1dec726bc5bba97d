# frozen_string_literal: true

module Workflow
  # Where an open run and the present code do not fit: a step that the run began with and that the code has no more, or
  # has as an await where it was none. Says so in one text, with what there was, what there is, and the ways on: the
  # reason of the pause, and what `rake workflow:check` prints.
  class Gap
    # As much as the state of a run keeps of a reason.
    TEXT_MAX = 500
    # Of the steps beside those that differ, so many are told.
    AROUND = 1
    # What each remedy has.
    RESUME = "then run.resume"

    # @return [String] the location without the application's directory
    # @api private
    def self.short(location) = location.delete_prefix("#{Workflow.configuration.root}/")

    # @param snapshot [Hash]
    # @return [String] how to come by the run, as a remedy has it
    # @api private
    def self.run(snapshot) = "Workflow::Run.find(#{snapshot[:id].inspect})"

    # @return [Symbol] the step, as the run calls it
    attr_reader :step
    # @return [String] what is wrong, without a word of the single run
    attr_reader :why
    # @return [String] what to do about it
    attr_reader :remedy

    class << self
      # The steps of a run that are still to come and that the present code cannot run.
      # @param snapshot [Hash] of the run
      # @param klass [Class] of the run's object
      # @param definition [Definition, nil] the present code's; nil: it has no such workflow
      # @return [Array<Gap>]
      def all(snapshot, klass, definition)
        open = snapshot[:steps].reject { |facts| %i[completed skipped].include?(facts[:state]) }
        return open.first(1).map { |facts| new(snapshot, facts, klass, nil) } unless definition
        open.reject { |facts| definition.runs?(facts[:name], await: facts[:kind] == :await) }
          .map { |facts| new(snapshot, facts, klass, definition) }
      end

      # That of one step.
      # @param name [String] as the run calls it
      # @return [Gap]
      def at(snapshot, name, klass, definition)
        facts = snapshot[:steps].find { |step| step[:name] == name.to_sym }
        new(snapshot, facts, klass, definition)
      end

      # @param text [String, nil] why a run is paused
      # @return [Boolean] whether it is the text of a gap, and not what a person has said
      def reason?(text) = !text.nil? && text.include?(RESUME)
    end

    # @param facts [Hash] of the step
    def initialize(snapshot, facts, klass, definition)
      @steps, @klass, @definition, @run = snapshot[:steps], klass, definition, Gap.run(snapshot)
      @step, @kind, @name = facts[:name], facts[:kind], snapshot[:name].to_sym
      @why, @remedy = explain
    end

    # @return [String] at most {TEXT_MAX} bytes long, unless names are very long
    def to_s
      text = "#{why} #{remedy}"
      full = "#{text} #{difference}"
      full.bytesize > TEXT_MAX ? text : full
    end

    private
      def explain
        present = @definition&.step(step)
        return gone unless @definition
        present ? another(present) : vanished
      end

      def gone
        [ "#{@klass} has no workflow #{@name} any more.", "Declare it again, #{RESUME}; or end the run: run.cancel, #{with_run}." ]
      end

      def vanished
        [ "#{place} has no step #{step} any more.",
          "Bring it back, or say `renamed :#{step}, to: #{successor}`, or skip it: run.skip(:#{step}); #{RESUME}, #{with_run}." ]
      end

      def another(present)
        was, is = [ @kind, present.kind ].map { |kind| kind == :await ? "an await" : "a step that is run (#{kind})" }
        [ "#{place} has #{present.name} as #{is}, and the run began with #{step} as #{was}.",
          "Make it #{was} again, and what is new a step of another name; or skip it: run.skip(:#{step}); #{RESUME}, #{with_run}." ]
      end

      def with_run = "with run = #{@run}"

      def place
        "#{@klass}'s workflow#{" #{@name}" unless @name == :workflow} (#{Gap.short(@definition.location)})"
      end

      # What the step may be called now: of those that the run does not have, the one that is in its place, or the nearest.
      def successor
        names = @steps.map { |facts| facts[:name] }
        fresh = @definition.steps.select { |candidate| candidate.await? == (@kind == :await) }.map(&:name)
          .reject { |name| @definition.name_in(names, name) }
        near = fresh.find { |name| name == in_place_of(names) } || Suggestion.for(step, fresh)[/mean (.+)\?/, 1]
        near ? ":#{near}" : "…"
      end

      # What the code has below the step that was above this one.
      def in_place_of(names)
        index = names.index(step)
        above = index.zero? ? nil : @definition.step(names[index - 1])
        return if above.nil? && index.positive?
        @definition.steps[above ? @definition.steps.index(above) + 1 : 0]&.name
      end

      # Both lists, without what they begin and end with alike.
      def difference
        return "" unless @definition
        before = @steps.map { |facts| "#{facts[:kind]} #{facts[:name]}" }
        now = @definition.steps.map { |candidate| "#{candidate.kind} #{candidate.name}" }
        head = [ before.zip(now).take_while { |one, other| one == other }.size - AROUND, 0 ].max
        tail = [ before.reverse.zip(now.reverse).take_while { |one, other| one == other }.size - AROUND, 0 ].max
        "The run began with #{part(before, head, tail)}; the code has #{part(now, head, tail)}."
      end

      def part(list, head, tail)
        tail = [ tail, list.size - head ].min
        middle = list[head...(list.size - tail)]
        [ *("…" if head.positive?), *middle, *("…" if tail.positive?) ].join(", ")
      end
  end
end
