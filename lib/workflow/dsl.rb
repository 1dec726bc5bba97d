# frozen_string_literal: true

require_relative "definition"

module Workflow
  # Evaluates the block of `workflow do … end` and returns the Definition. Whatever is wrong in the block is raised
  # here, with the file and line where it is written.
  class Dsl
    PLANNED = %i[together either].freeze
    WORDS = %i[now later await].freeze
    STEPS_MAX = 200
    NAME_LEN_MAX = 200

    # @return [Definition]
    def self.read(name, options, location, &block)
      new(name, location).read(options, &block)
    end

    # @return [String] "file:line" of the code that called the declaring method
    def self.location(depth = 2)
      caller_locations(depth, 1).first.then { |line| "#{line.path}:#{line.lineno}" }
    end

    def initialize(name, location)
      @name, @location = name, location
      @steps = []
    end

    def read(options, &block)
      evaluate(&block)
      raise DefinitionError, "#{@location}: workflow #{@name.inspect} has no steps." if @steps.empty?
      Definition.new(@name, @steps, options: options, location: @location)
    end

    # A step that is run in the same breath as what came before.
    def now(name = nil, **options) = add(:now, name, options, Dsl.location)

    # A step that is handed over to a worker.
    def later(name = nil, **options) = add(:later, name, options, Dsl.location)

    # A step that waits for a person or another system, until `submit` or expiry.
    def await(name = nil, **options) = add(:await, name, options, Dsl.location)

    PLANNED.each do |word|
      define_method(word) { |*| raise DefinitionError, "#{Dsl.location}: #{word} is not built yet." }
    end

    private
      def evaluate(&block)
        instance_exec(&block)
      rescue NameError => error
        raise unless ours?(error)
        line = error.backtrace_locations&.first
        raise DefinitionError, "#{line ? "#{line.path}:#{line.lineno}" : @location}: there is no word " \
          "#{error.name} in a workflow.#{Suggestion.for(error.name, WORDS)} There are #{WORDS.join(", ")}."
      end

      def ours?(error)
        error.receiver.equal?(self)
      rescue ArgumentError
        false
      end

      def add(kind, name, options, location)
        name = checked(kind, name, location)
        if (twin = @steps.find { |step| step.name == name })
          raise DefinitionError, "#{location}: there is a step #{name.inspect} already, at #{twin.location}. " \
            "Give one of the two another name."
        end
        raise DefinitionError, "#{location}: a workflow has at most #{STEPS_MAX} steps." if @steps.size == STEPS_MAX
        @steps << StepDefinition.new(name, kind, options, location)
      end

      def checked(kind, name, location)
        name = name.to_sym if name.is_a?(String)
        wanted, good = Options::VALUES.fetch(:method)
        return name if good.call(name) && name.length <= NAME_LEN_MAX
        raise DefinitionError, "#{location}: #{kind} takes #{wanted}, not #{name.inspect}."
      end
  end
end
