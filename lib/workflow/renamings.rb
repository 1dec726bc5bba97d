# frozen_string_literal: true

module Workflow
  # What `renamed :old, to: :new` says in one block of `workflow do … end`: collected as it is read, checked at its end,
  # when all steps are known.
  class Renamings
    # As many as the core takes of one step.
    NAMES_MAX = 200

    # One old name, and where it was written.
    Renaming = Struct.new(:old, :present, :location)

    def initialize
      @all = []
    end

    # @param names [Array<Symbol>] the old ones
    # @param options [Hash] `to:`, the present one
    # @raise [DefinitionError] of what is wrong whatever the steps are
    def add(names, options, location)
      others = options.keys - [ :to ]
      raise DefinitionError, "#{location}: renamed takes no option #{others.first}:. It takes to:." if others.any?
      raise DefinitionError, "#{location}: renamed takes the old name of a step: renamed :old, to: :new." if names.empty?
      raise DefinitionError, "#{location}: renamed #{names.first.inspect} needs to:, the step's present name." unless options.key?(:to)
      to = Options.checked_name("to:", options[:to], location)
      names.each { |old| keep Renaming.new(Options.checked_name("renamed", old, location), to, location) }
    end

    # @param steps [Array<StepDefinition>] all of the workflow
    # @return [Hash{Symbol=>Symbol}] old name => present name
    # @raise [DefinitionError] with file and line of a renaming that does not fit the steps
    def checked(steps)
      steps = steps.to_h { |step| [ step.name, step ] }
      @all.to_h do |renaming|
        refuse_open(renaming, steps[renaming.old])
        refuse_unknown(renaming, steps.keys) unless steps.key?(renaming.present)
        [ renaming.old, renaming.present ]
      end
    end

    private
      def keep(renaming)
        raise DefinitionError, "#{renaming.location}: renamed #{renaming.old.inspect}: to: is the same name. Say the step's present one." if
          renaming.old == renaming.present
        raise DefinitionError, "#{renaming.location}: a step has at most #{NAMES_MAX} old names." if
          @all.count { |other| other.present == renaming.present } == NAMES_MAX
        twin = @all.find { |other| other.old == renaming.old }
        raise DefinitionError, "#{renaming.location}: what became of #{renaming.old.inspect} is said already, at " \
          "#{twin.location}: it is #{twin.present.inspect} now. Remove one of the two." if twin
        @all << renaming
      end

      def refuse_open(renaming, step)
        return unless step
        raise DefinitionError, "#{renaming.location}: renamed #{renaming.old.inspect}: there still is a step of that name, at " \
          "#{step.location}. An old name belongs to no step: give that one another, or remove this line."
      end

      def refuse_unknown(renaming, names)
        further = @all.find { |other| other.old == renaming.present }
        hint = further ? " It was renamed itself: say to: #{further.present.inspect}." : Suggestion.for(renaming.present, names)
        raise DefinitionError, "#{renaming.location}: renamed #{renaming.old.inspect}: to: there is no step " \
          "#{renaming.present.inspect}.#{hint}"
      end
  end
end
