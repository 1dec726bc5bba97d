# frozen_string_literal: true

module Workflow
  # What Rails' form builders work on in `workflow_form_for`: a reader for each field of an await, what was typed in it
  # last, and what was wrong with it.
  class Form
    SHOWN = [ String, Symbol, Numeric, true, false ].freeze

    # @return [Array<Symbol>] of the fields
    attr_reader :names
    # @return [#[], #full_messages] of the last submission
    attr_reader :errors

    # @param declared [StepDefinition, nil] the await
    # @param submission [Submission, nil]
    # @param input [Hash, nil] as it was sent
    def initialize(declared, submission: nil, input: nil)
      @fields, @by_code, @errors = declared&.fields, declared&.by == :code, submission&.errors || Messages.new
      @names = [ *(:code if @by_code), *@fields&.names ]
      @names.each { |name| define_singleton_method(name) { shown((input || {})[name.to_s] || (input || {})[name]) } }
    end

    # @return [Boolean] whether it is the code of an await with `by: :code`
    def code?(name) = @by_code && name == :code

    # @return [Object, nil] what a field takes
    def type(name) = @fields&.types&.[](name)

    # @return [Boolean] whether it may be left empty
    def optional?(name) = type(name).is_a?(Array) && type(name).include?(nil)

    # @return [Array, nil] what there is to choose from
    def choices(name)
      type = type(name)
      type.compact if type.is_a?(Array) && type.compact.none? { |one| one.is_a?(Module) || one == :boolean }
    end

    # @return [Boolean] Rails asks
    def persisted? = false

    private
      # What came from outside is text of any kind, or no text at all.
      def shown(value)
        return unless SHOWN.any? { |kind| kind === value }
        value.is_a?(String) ? value.dup.force_encoding(Encoding::UTF_8).scrub : value
      end
  end
end
