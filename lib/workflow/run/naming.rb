# frozen_string_literal: true

module Workflow
  class Run
    # The names of a run's steps: it keeps those that it began with, readers see and say those of the present code.
    # Part of Run.
    module Naming
      # What the run itself calls a step.
      # @param name [Symbol] any that the step has or had
      # @return [Symbol] the same where the run has no such step
      # @api private
      def pinned_name(name) = find_step(name)&.pinned_name || name.to_sym

      # @return [Boolean] whether the run has such a step
      # @api private
      def step?(name) = !find_step(name).nil?

      private
        # A name that two steps would have is the first one's.
        def named_steps
          renamed = present_code&.renamed || {}
          taken = pinned_names
          snapshot[:steps].map do |facts|
            name, facts = renamed[facts[:name]], attended(facts)
            next Step.new(facts) if name.nil? || taken.include?(name)
            taken += [ name ]
            Step.new(facts, name)
          end
        end

        def find_step(name)
          name = name.to_sym
          steps.find { |step| step.pinned_name == name } || steps.find { |step| step.name == name } || find_renamed(name)
        end

        def find_renamed(name)
          found = present_code&.name_in(pinned_names, name)
          found && steps.find { |step| step.pinned_name == found }
        end

        def pinned_names = snapshot[:steps].map { |facts| facts[:name] }

        # The object's own class when the object is at hand, else the one that the log has.
        # @return [Class, nil] nil: this process does not know it
        def subject_class = @subject ? @subject.class : Declarations.class_of(snapshot[:class_name])

        # What the present code says of the workflow, if it knows the class.
        def present_code
          return if name.start_with?(".")
          klass = subject_class
          Declarations.of(klass).workflow(name) if klass.is_a?(Declaring)
        end
    end
  end
end
