# frozen_string_literal: true

require "active_support/core_ext/integer/time"
require "active_support/core_ext/numeric/time"
require "rails/generators/generated_attribute"
require_relative "value"

module Workflow
  module Generators
    # What the arguments of `rails generate workflow` say: steps (create_account:now, send_link:later:retries=5,
    # activate:await:expires_in=3.days,by=link), and attributes of a model that is still to be made (email:string). All of
    # it is checked, by the rules that a class's own workflow is read by, before anything is written.
    class Plan
      # One step: its name, its word, its options as they are written in Ruby, and what they are.
      Planned = Struct.new(:name, :kind, :code, :values, keyword_init: true)

      WORDS = %w[now later await].freeze
      # Methods that steps of an await or a step name, and that there have to be.
      NAMED = %i[otherwise renew].freeze
      KEYWORDS = %w[__FILE__ __LINE__ __ENCODING__ BEGIN END alias and begin break case class def defined do else elsif end ensure false for if in
        module next nil not or redo rescue retry return self super then true undef unless until when while yield].freeze

      # @return [Array<Planned>]
      attr_reader :steps
      # @return [Array<String>] attributes of a model, as `rails generate model` takes them
      attr_reader :attributes
      # @return [Definition] of the steps
      attr_reader :definition

      # @param arguments [Array<String>]
      # @param known [Array<String>] steps that the class has already
      # @raise [DefinitionError] saying which argument is wrong, and what may have been meant
      def initialize(arguments, known: [])
        @steps, @attributes = [], []
        arguments.each { |argument| read(argument) }
        raise DefinitionError, "there is no step. Write each with its word: create_account:now send_link:later activate:await" if @steps.empty?
        @definition = defined(known)
      end

      # @return [Array<String>] methods that options name and that are no steps: { name => what it gives }
      def named
        steps.each_with_object({}) do |step, names|
          NAMED.each { |option| names[step.values[option]] ||= nil if step.values[option] }
          names[step.values[:remind][:with]] ||= nil if step.values[:remind]
          names[step.values[:if]] ||= "true" if step.values[:if]
          names[step.values[:unless]] ||= "false" if step.values[:unless]
        end.except(*steps.map(&:name))
      end

      private
        def read(argument)
          name, word, options = argument.split(":", 3)
          return attribute(argument, word) unless WORDS.include?(word)
          check_name(name, argument)
          kind = word.to_sym
          code, values = {}, {}
          split(options, argument).each { |option, text| code[option], values[option] = Value.read(kind, option, text, argument) }
          @steps << Planned.new(name: name.to_sym, kind: kind, code: code, values: values)
        end

        def split(options, argument)
          options.to_s.split(",", -1).to_h do |part|
            name, text = part.split("=", 2)
            raise DefinitionError, "#{argument}: an option has no name. Write them as retries=5,once" if name.to_s.strip.empty?
            [ name.strip.to_sym, text ]
          end
        end

        # What has another type's name behind it is an attribute, as `rails generate model` has them.
        def attribute(argument, word)
          types = ::Rails::Generators::GeneratedAttribute::DEFAULT_TYPES
          type = word.to_s[/\A\w+/]
          return @attributes << argument if types.include?(type)
          raise DefinitionError, "#{argument}: say which kind of step it is: #{argument}:now, #{argument}:later or #{argument}:await." if word.nil? || word.empty?
          raise DefinitionError, "#{argument}: there is no word #{word}.#{Suggestion.for(word, WORDS + types)} " \
            "There are now, later and await; and the types of attributes (string, integer, …) for a model that is still to be made."
        end

        def check_name(name, argument)
          raise DefinitionError, "#{argument}: #{name.inspect} is no name of a step. Write it as a method's: #{example(name)}:now" unless name.match?(/\A[a-z_][a-z0-9_]*\z/)
          raise DefinitionError, "#{argument}: #{name} is a word of Ruby. Say what is done: #{name}_order, say." if KEYWORDS.include?(name)
          taken = taken_by(name) or return
          raise DefinitionError, "#{argument}: every #{taken} has a method #{name} already. Say more: #{name}_order, say."
        end

        def example(name) = name.to_s.underscore.gsub(/[^a-z0-9_]+/, "_").gsub(/\A[0-9_]+|_+\z/, "").presence || "create_account"

        def taken_by(name)
          return "object that includes Workflow" if [ Words, InnerWords ].any? { |words| words.method_defined?(name) || words.private_method_defined?(name) }
          return "record" if defined?(::ActiveRecord::Base) && (::ActiveRecord::Base.method_defined?(name) || ::ActiveRecord::Base.private_method_defined?(name))
          "object" if Object.method_defined?(name) || Object.private_method_defined?(name)
        end

        # Read as a class's own, so that what is refused there is refused here.
        def defined(known)
          plan = steps
          Dsl.read(:workflow, {}, "the arguments") do
            (known - plan.map { |step| step.name.to_s }).each { |name| later name.to_sym }
            plan.each { |step| public_send(step.kind, step.name, **step.values) }
          end
        rescue DefinitionError => error
          raise DefinitionError, error.message.sub(/\A\S+:\d+: /, "")
        end
    end
  end
end
