# frozen_string_literal: true

module Workflow
  # Hands a definition to the core: names, kinds and dependencies as declared, each step's place as config/workflow.yml
  # has it at present. Made, and the class checked for the methods, at first use and whenever the configuration has
  # changed; else remembered by the definition.
  module Blueprint
    # @param memo [Hash] name of a class => [the class's number, generation of the configuration, native definition]; not
    #   the class, which would outlive a reload in the definition of a parent that is not reloaded
    # @return [Native::Definition]
    def self.of(definition, klass, memo)
      configuration = Workflow.configuration
      known, generation, native = memo[klass.name]
      return native if native && known == klass.object_id && generation == configuration.generation
      definition.verify(klass)
      native = build(definition, Subject.class_name(klass), configuration.places.of(klass))
      memo[klass.name] = [ klass.object_id, configuration.generation, native ]
      native
    end

    # @param places [Hash{Symbol=>Symbol}] step => :now or :later, where it is not what the definition says
    # @return [Native::Definition]
    def self.build(definition, class_name, places)
      Store.load_core
      Native::Definition.new(class_name, definition.name.to_s, definition.unique?, steps(definition, places))
    end

    def self.steps(definition, places)
      definition.steps.zip(definition.dependencies).map do |step, deps|
        { name: step.name.to_s, was: definition.was(step).map(&:to_s), kind: step.kind, deps: deps,
          place: place(step, definition, places),
          retries: step.retries, backoff: step.constant_ms, expires_ms: step.expires_ms,
          otherwise: step.otherwise&.to_s, wait_ms: step.wait_ms, asks: asks?(definition, step), either: step.either,
          timeout_ms: step.timeout_ms, once: step.once?, remind_ms: step.remind_ms, remind: step.remind&.to_s,
          early: step.early? }
      end
    end

    def self.asks?(definition, step) = step.asks? || (step.await? && definition.conditions.any?)

    # The configuration may still have an old name.
    def self.place(step, definition, places)
      return :later if step.await?
      places.values_at(step.name, *definition.was(step)).compact.first || step.kind
    end

    private_class_method :steps, :asks?, :place
  end
end
