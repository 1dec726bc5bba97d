# frozen_string_literal: true

module Workflow
  # Hands a definition to the core: names, kinds and dependencies as declared, each step's place as config/workflow.yml
  # has it at present. Made, and the class checked for the methods, at first use and whenever the configuration has
  # changed; else remembered by the definition.
  module Blueprint
    # @param memo [Hash] class => [generation of the configuration, native definition]
    # @return [Native::Definition]
    def self.of(definition, klass, memo)
      configuration = Workflow.configuration
      generation, native = memo[klass]
      return native if native && generation == configuration.generation
      definition.verify(klass)
      native = build(definition, Subject.class_name(klass), configuration.places.of(klass))
      memo[klass] = [ configuration.generation, native ]
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
        { name: step.name.to_s, kind: step.kind, deps: deps, place: place(step, places),
          retries: step.retries, backoff: step.constant_ms, expires_ms: step.expires_ms,
          otherwise: step.otherwise&.to_s, wait_ms: step.wait_ms, asks: asks?(definition, step), either: step.either,
          timeout_ms: step.timeout_ms, once: step.once?, remind_ms: step.remind_ms, remind: step.remind&.to_s,
          early: step.early? }
      end
    end

    def self.asks?(definition, step) = step.asks? || (step.await? && definition.conditions.any?)

    def self.place(step, places)
      return :later if step.await?
      places.fetch(step.name, step.kind)
    end

    private_class_method :steps, :asks?, :place
  end
end
