# frozen_string_literal: true

require "set"
require_relative "suggestion"
require_relative "condition"
require_relative "tags"

module Workflow
  # The options of steps, awaits, single methods and workflows: which exist, which are built already, and what a
  # good value is. Checked where the declaration is read; after that nobody looks at an option's type again.
  module Options
    YEARS_10 = 10 * 365 * 86_400
    # WF_NAME_LEN_MAX of the core.
    NAME_LEN_MAX = 200
    # Of a bad name, as a message has it.
    SHOWN_LEN_MAX = 300

    VALUES = {
      count: [ "a whole number from 0 to 1000", ->(value) { value.is_a?(Integer) && value.between?(0, 1000) } ],
      backoff: [ ":exponential, :constant, seconds (from 0 to 31 days) or a proc of the attempt",
        ->(value) { %i[exponential constant].include?(value) || of_attempt?(value) || seconds?(value, 0, 31 * 86_400) } ],
      errors: [ "an error class or an array of them (what a step fails by is a StandardError, ScriptError or SystemStackError; a module is one that not " \
        "every object has)", ->(value) { (list = Array(value)).any? && list.all? { |type| matcher?(type) } } ],
      duration: [ "a duration in seconds, more than 0 and at most ten years",
        ->(value) { seconds?(value, 0.001, YEARS_10) } ],
      method: [ "the name of a method of at most #{NAME_LEN_MAX} bytes, as a symbol", ->(value) { method_name?(value) } ],
      flag: [ "true or false", ->(value) { [ true, false ].include?(value) } ],
      after: [ "the name of a step or an array of names, each once ([]: nothing comes before it)",
        ->(value) { value.is_a?(Symbol) || value.is_a?(Array) && value.all?(Symbol) && value.uniq == value } ],
      conditions: [ "the name of a method, a proc that takes at most the subject, or an array of these",
        ->(value) { (list = Array(value)).any? && list.all? { |asked| Condition.askable?(asked) } } ],
      timeout: [ "a number of seconds, more than 0 and at most 31 days (30, or 30.seconds; leave it out for no limit)",
        ->(value) { seconds?(value, 0.001, 31 * 86_400) } ],
      on_destroy: [ ":cancel or :keep (:undo is not built yet)", ->(value) { %i[cancel keep].include?(value) } ],
      fields: [ "names and their types", ->(_) { true } ], # Fields looks at them
      remind: [ "{ after: a duration, with: the name of a method }, both and nothing else", ->(value) { reminder?(value) } ],
      by: [ ":link (a signed link, which workflow_url_for makes) or :code (six digits, which workflow_code_for makes)",
        ->(value) { %i[link code].include?(value) } ],
      tags: [ "#{Tags::WANTED} (at most #{Tags::MAX}, each of at most #{Tags::LEN_MAX} bytes), or a proc that takes at most the " \
        "subject and gives one", ->(value) { Tags.declarable?(value) } ]
    }.freeze

    ATTEMPTS = { retries: :count, backoff: :backoff, retry_on: :errors, give_up_on: :errors, timeout: :timeout, once: :flag,
      transaction: :flag }.freeze

    # What says that a step may be started again, and so contradicts `once: true`.
    AGAIN = %i[retries backoff retry_on].freeze

    GRAPH = { after: :after, if: :conditions, unless: :conditions, wait: :duration }.freeze

    BUILT = {
      step: { **ATTEMPTS, **GRAPH, result: :flag },
      await: { expires_in: :duration, otherwise: :method, **GRAPH, fields: :fields, remind: :remind, early: :flag, transaction: :flag,
        by: :by, renew: :method },
      method: { **ATTEMPTS, unique: :flag, result: :flag },
      workflow: { unique: :flag, while: :conditions, on_destroy: :on_destroy, tags: :tags, mirror: :flag }
    }.freeze

    PLANNED_OF_STEPS = %i[
      undo each priority queue at_once per at_most within between zone coalesce via
    ].freeze

    PLANNED = {
      step: PLANNED_OF_STEPS + %i[unique],
      await: %i[undo result],
      method: PLANNED_OF_STEPS + GRAPH.keys,
      workflow: %i[on_failure keep every]
    }.freeze

    # @param kind [Symbol] :step, :await, :method or :workflow
    # @param given [Hash] the options as they were written
    # @param what [String] what they belong to, for errors: "later :charge"
    # @return [Hash] the options, frozen
    # @raise [DefinitionError] of an unknown option, one that is not built yet, or a bad value
    def self.check(kind, given, what)
      given.each { |name, value| check_one(kind, name, value, what) }
      pair(given, what) if kind == :await
      exclude(given, what)
      given.freeze
    end

    def self.seconds?(value, least, most)
      value.is_a?(Numeric) && value.real? && (least..most).cover?(value.to_f)
    end

    # @return [Boolean] whether a method can be named so, and the log keeps the name
    def self.method_name?(value)
      value.is_a?(Symbol) && value.to_s.bytesize <= NAME_LEN_MAX && value.match?(/\A[[:alpha:]_][[:alnum:]_]*[?!]?\z/)
    end

    # The one name that was written behind a word.
    # @param word [String] "later"
    # @param given [Object] String or Symbol
    # @param more [Array] what was written behind it, where nothing belongs
    # @param wanted [String] what it takes
    # @return [Symbol]
    # @raise [DefinitionError]
    def self.checked_name(word, given, location, more = [], wanted: VALUES.fetch(:method).first)
      unless more.empty?
        hint = more.first.is_a?(Hash) ? "Write its options without braces." : "Write each on a line of its own."
        raise DefinitionError, "#{location}: #{word} takes one name, not #{more.first.inspect} behind #{given.inspect} too. #{hint}"
      end
      name = given.is_a?(String) ? given.to_sym : given
      return name if method_name?(name)
      raise DefinitionError, "#{location}: #{word} takes #{wanted}, not #{shown(given)}."
    rescue EncodingError
      raise DefinitionError, "#{location}: #{word} takes #{wanted}, not #{given.inspect}, which is not valid text."
    end

    # @return [String] as much of it as a message should have
    def self.shown(value) = value.inspect.then { |text| text.size > SHOWN_LEN_MAX ? "#{text[0, SHOWN_LEN_MAX]}…" : text }

    # @return [Boolean] whether it is a proc that can be called with the number of an attempt
    def self.of_attempt?(value)
      return false unless value.is_a?(Proc)
      types = value.parameters.map(&:first)
      value.arity.between?(-2, 1) && !types.include?(:keyreq) && (!value.lambda? || %i[req opt rest].any? { |type| types.include?(type) })
    end

    # @return [Boolean] whether it matches some of the errors that a step fails by, and a module not all of them by accident
    def self.matcher?(type)
      return false unless type.is_a?(Module)
      return true unless type.method(:===).owner.equal?(Module) # it says itself what it matches
      return !(Exception <= type) unless type.is_a?(Class)
      type == Exception || Execution::FAILURES.any? { |failure| type <= failure }
    end

    # @return [Boolean] whether it says after which time which method reminds
    def self.reminder?(value)
      value.is_a?(Hash) && value.keys.to_set == Set[:after, :with] && seconds?(value[:after], 0.001, YEARS_10) &&
        method_name?(value[:with])
    end

    class << self
      private
        # The code is part of the input, and good for the present moment alone.
        def pair_with_code(given, what)
          raise DefinitionError, "#{what}: by: :code is checked when its turn has come: leave out early:." if given[:early]
          return unless given[:fields].is_a?(Hash) && given[:fields].key?(:code)
          raise DefinitionError, "#{what}: by: :code makes a field code: of its own, which the gem checks. Leave it out of fields:, or out of by:."
        end

        def check_one(kind, name, value, what)
          type = BUILT[kind][name] or refuse(kind, name, what)
          wanted, good = VALUES.fetch(type)
          raise DefinitionError, "#{what}: #{name}: must be #{wanted}, not #{value.inspect}." unless good.call(value)
        end

        def refuse(kind, name, what)
          takes = "It takes #{BUILT[kind].keys.map { |key| "#{key}:" }.join(", ")}.#{with_of(name, what) if kind == :method}"
          raise DefinitionError, "#{what}: the option #{name}: is not built yet. Leave it out. #{takes}" if PLANNED[kind].include?(name)
          raise DefinitionError, "#{what} takes no option #{name}:.#{Suggestion.for(name, BUILT[kind].keys + PLANNED[kind])} #{takes}"
        end

        # Of a call, what was meant may be the method's own.
        def with_of(name, what) = (" Keywords of the method go into with: { #{name}: … }." if what.start_with?("later("))

        def exclude(given, what)
          if given[:once] && given[:transaction]
            raise DefinitionError, "#{what}: transaction: true has the changes made once, however often the step is started; once: true has it started " \
              "once, and nobody knows what became of it if that was interrupted. Leave out one of the two."
          end
          refuse_both(given, what)
          again = AGAIN.find { |name| given.key?(name) } if given[:once]
          return unless again
          raise DefinitionError, "#{what}: once: true says that it is never started twice, and #{again}: when it is started again. " \
            "Leave out one of the two; a person can always retry."
        end

        def refuse_both(given, what)
          both = (Array(given[:retry_on]) & Array(given[:give_up_on])).first
          return unless both
          raise DefinitionError, "#{what}: retry_on: says that #{both} is tried again, and give_up_on: that it is not. Leave it out of one of the two."
        end

        def pair(given, what)
          if given[:otherwise] && !given[:expires_in]
            raise DefinitionError, "#{what}: otherwise: says what to do on expiry, so it needs expires_in:."
          end
          if given[:renew] && !given[:by]
            raise DefinitionError, "#{what}: renew: says which method sends a new link or code, so it needs by: :link or by: :code."
          end
          pair_with_code(given, what) if given[:by] == :code
          return unless given[:remind] && given[:expires_in] && given[:remind][:after].to_f >= given[:expires_in].to_f
          raise DefinitionError, "#{what}: remind: after #{given[:remind][:after].inspect} comes too late for expires_in: " \
            "#{given[:expires_in].inspect}. Remind before it expires."
        end
    end
  end
end
