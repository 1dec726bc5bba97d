# frozen_string_literal: true

module Workflow
  # What Rails' form builders work on in `workflow_form_for`: a reader for each field of an await, what was typed in it
  # last, and what was wrong with it.
  class Form
    SHOWN = [ String, Symbol, Numeric, true, false ].freeze

    # @return [Array<Symbol>] of the fields
    attr_reader :field_names
    # @return [#[], #full_messages] of the last submission
    attr_reader :errors

    # @param declared [StepDefinition, nil] the await
    # @param submission [Submission, nil]
    # @param input [Hash, nil] as it was sent
    def initialize(declared, submission: nil, input: nil)
      @fields, @by_code, @errors = declared&.fields, declared&.by == :code, submission&.errors || Messages.new
      @field_names = [ *(:code if @by_code), *@fields&.names ]
      @field_names.each { |name| define_singleton_method(name) { text_of((input || {})[name.to_s] || (input || {})[name]) } }
    end

    # @return [Array<Symbol>] {#field_names}, unless a field is called so
    def names = field_names

    # @return [Boolean] whether it is the code of an await with `by: :code`
    def code?(name) = @by_code && name == :code

    # @return [Object, nil] what a field takes
    def type_of(name) = @fields&.types&.[](name)

    # @return [Boolean] whether it may be left empty
    def optional?(name) = type_of(name).is_a?(Array) && type_of(name).include?(nil)

    # @return [Array, nil] what there is to choose from
    def choices_of(name)
      type = type_of(name)
      type.compact if type.is_a?(Array) && type.compact.none? { |one| one.is_a?(Module) || one == :boolean }
    end

    # @return [Boolean] Rails asks
    def persisted? = false

    private
      # What came from outside is text of any kind, or no text at all.
      def text_of(value)
        return unless SHOWN.any? { |kind| kind === value }
        value.is_a?(String) ? value.dup.force_encoding(Encoding::UTF_8).scrub : value
      end
  end
end
