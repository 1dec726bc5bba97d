# frozen_string_literal: true

require_relative "definition"
require_relative "renamings"

module Workflow
  # Evaluates the block of `workflow do … end` and returns the Definition. Whatever is wrong in the block is raised
  # here, with the file and line where it is written.
  class Dsl
    WORDS = %i[now later await together either renamed].freeze
    STEPS_MAX = 200

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
      @above = []      # the steps that the next one comes after
      @branches = nil  # inside a block: the steps in it so far
      @eithers = 0
      @renamings = Renamings.new
    end

    def read(options, &block)
      evaluate(&block)
      raise DefinitionError, "#{@location}: workflow #{@name.inspect} has no steps." if @steps.empty?
      Definition.new(@name, @steps, options: options, location: @location, renamed: @renamings.checked(@steps))
    end

    # A step that is run in the same call as what came before.
    # @param options [Hash] as of {#later}
    # @return [void]
    # @raise [DefinitionError]
    # @example
    #   now :reserve, unless: :digital?
    def now(name = nil, *more, **options) = add(:now, name, more, options, Dsl.location)

    # A step that is handed over to a worker.
    # @param name [Symbol] of the step and its method
    # @param options [Hash] `retries:`, `backoff:`, `retry_on:`, `give_up_on:`, `timeout:` (seconds), `once:`,
    #   `transaction:`, `result:`, `after:`, `if:`, `unless:`, `wait:` (seconds): docs/steps.md has them all
    # @return [void]
    # @raise [DefinitionError]
    # @example
    #   later :charge, retries: 5, timeout: 30, give_up_on: CardDeclined
    def later(name = nil, *more, **options) = add(:later, name, more, options, Dsl.location)

    # A step that waits for a person or another system, until `submit` or expiry.
    # @param name [Symbol] of the step, and of its method if it has one
    # @param options [Hash] `fields:`, `expires_in:` (seconds), `otherwise:`, `remind:`, `early:`, `transaction:`,
    #   `by:`, `renew:`, `after:`, `if:`, `unless:`, `wait:`
    # @return [void]
    # @raise [DefinitionError]
    # @example
    #   await :confirm, early: true, expires_in: 864_000, otherwise: :chase, remind: { after: 172_800, with: :nudge }
    def await(name = nil, *more, **options) = add(:await, name, more, options, Dsl.location)

    # Steps that run side by side. What follows the block comes after all of them.
    # @yield the steps, each of which comes after what is above the block
    # @return [void]
    # @raise [DefinitionError] without a block, with an argument, or within `either`
    # @example
    #   together do
    #     later :charge
    #     later :reserve
    #   end
    def together(*given, &block)
      location = Dsl.location
      raise DefinitionError, "#{location}: either holds awaits only, no together." if @either
      branches(:together, given, location, &block)
    end

    # Awaits of which the first accepted one skips the others. What follows the block comes after all of them.
    # @yield the awaits, two or more
    # @return [void]
    # @raise [DefinitionError] of fewer, of other steps in it, without a block or with an argument
    # @example
    #   either do
    #     await :confirm
    #     await :decline
    #   end
    def either(*given, &block)
      location = Dsl.location
      raise DefinitionError, "#{location}: either holds awaits only, no other either." if @either
      @either = @eithers += 1
      names = branches(:either, given, location, &block)
      raise DefinitionError, "#{location}: either needs two awaits or more, to choose from." if names.one?
    ensure
      @either = nil
    end

    # Says what a step was called in earlier code, for the open runs that began with that name.
    # @param names [Array<Symbol>] that it had
    # @param options [Hash] `to:` the name of the step now
    # @return [void]
    # @raise [DefinitionError] of a name that is a step's still, or a `to:` that is none
    # @example
    #   renamed :send_link, to: :mail_link
    def renamed(*names, **options) = @renamings.add(names, options, Dsl.location)

    private
      def evaluate(&block)
        instance_exec(&block)
      rescue NameError => error
        raise unless ours?(error)
        line = error.backtrace_locations&.first
        raise DefinitionError, "#{line ? "#{line.path}:#{line.lineno}" : @location}: there is no word " \
          "#{error.name} in a workflow.#{Suggestion.for(error.name, WORDS)} There are #{WORDS.join(", ")}."
      end

      # Reads a block. One inside another adds its steps to the outer one's.
      # @return [Array<Symbol>] the names of its steps
      def branches(word, given, location, &block)
        raise DefinitionError, "#{location}: #{word} takes a block of steps." if given.any? || !block
        outer, @branches = @branches, []
        instance_exec(&block)
        names, @branches = @branches, outer
        raise DefinitionError, "#{location}: #{word} has no steps in it." if names.empty?
        outer ? outer.concat(names) : @above = names
        names
      end

      def ours?(error)
        error.receiver.equal?(self)
      rescue ArgumentError
        false
      end

      def add(kind, name, more, options, location)
        name = Options.checked_name(kind, name, location, more)
        if (twin = @steps.find { |step| step.name == name })
          raise DefinitionError, "#{location}: there is a step #{name.inspect} already, at #{twin.location}. " \
            "Give one of the two another name."
        end
        raise DefinitionError, "#{location}: a workflow has at most #{STEPS_MAX} steps." if @steps.size == STEPS_MAX
        append StepDefinition.new(name, kind, options, location, above: @above, either: @either)
      end

      def append(step)
        if @either && !step.await?
          raise DefinitionError, "#{step.location}: either holds awaits only, no #{step}. Write it above or below the block."
        end
        @steps << step
        @branches ? @branches << step.name : @above = [ step.name ]
      end
  end
end
