# frozen_string_literal: true

module Workflow
  # One condition of a step, what `if:` or `unless:` names, or of a workflow, `while:`: a method of the subject or a
  # proc. Asked right before a step would run; knows how to say why it was skipped, or the run cancelled.
  class Condition
    WORDS = %i[if unless while].freeze

    # @param options [Hash] of a step or a workflow
    # @return [Array<Condition>] in the order written
    def self.of(options)
      WORDS.flat_map { |word| Array(options[word]).map { |asked| new(word, asked) } }.freeze
    end

    # @return [Boolean] whether it can be asked: with no argument, or with the subject as the only one
    def self.askable?(asked)
      return Options.method_name?(asked) unless asked.is_a?(Proc)
      asked.arity.between?(-2, 1) && asked.parameters.none? { |type, _| type == :keyreq }
    end

    # @param asked [Proc] that is askable
    # @return [Object] what it says of the object
    def self.ask(asked, object)
      object.instance_exec(*([ object ] if [ 1, -2 ].include?(asked.arity)), &asked)
    end

    # @param word [Symbol] :if, :unless or :while
    # @param asked [Symbol, Proc]
    def initialize(word, asked)
      @word, @asked = word, asked
      freeze
    end

    # @return [Symbol, nil] the method that it calls; nil of a proc
    def method_name = (@asked if @asked.is_a?(Symbol))

    # @param object [Object] the subject
    # @return [Boolean]
    def met?(object) = @word == :unless ? !answer(object) : !!answer(object)

    # @return [String] "unless: digital?", or "if: a proc at app/models/order.rb:12"
    def reason = "#{@word}: #{method_name || a_proc}"

    private
      def answer(object)
        return object.__send__(@asked) if method_name
        Condition.ask(@asked, object)
      end

      def a_proc
        file, line = @asked.source_location
        file ? "a proc at #{file.delete_prefix("#{Workflow.configuration.root}/")}:#{line}" : "a proc"
      end
  end
end
