# frozen_string_literal: true

require "tsort"

module Workflow
  module Generators
    # How a spec plays a workflow from its start to its end: what is left to workers is done here, what is awaited is submitted,
    # and what is delayed is passed over. Each act is a line of Ruby, with what is to be seen before it.
    class Rehearsal
      SAMPLES = { "string" => "\"something\"", "text" => "\"something\"", "integer" => "1", "bigint" => "1", "float" => "1.0", "decimal" => "1",
        "boolean" => "true", "date" => "Date.current", "datetime" => "Time.current", "timestamp" => "Time.current", "time" => "Time.current" }.freeze

      # One act: the await that is to be waited for, what is done, what it is to be.
      Act = Struct.new(:await, :code, keyword_init: true)

      # @param plan [Plan]
      # @param variable [String] what the object is called: "signup"
      # @param model [Model] its class
      # @param old [Boolean] whether the model was there before, with rules that are not known here
      # @param workflow [String, nil] the name of the workflow, where it has one
      def initialize(plan, variable, class_name, model, old:, workflow: nil)
        @plan, @variable, @class_name, @model, @old, @workflow = plan, variable, class_name, model, old, workflow
      end

      # @return [String] what begins the workflow
      def start = "#{@variable}.start#{"(:#{@workflow})" if @workflow}"

      # @return [String] the run
      def run = "#{@variable}.workflow#{"(:#{@workflow})" if @workflow}"

      # @return [Boolean] whether the object is made of what only people know
      def made_up? = @model.parameters(:req, :keyreq).any?

      # @return [String] what makes an object, saved if it is a record
      def subject
        return "#{@class_name}.new#{"(#{parameters.join(", ")})" if made_up?}" unless @model.record?
        return "#{@class_name}.create!#{"(#{samples.join(", ")})" if samples.any?}" unless @old
        "#{@class_name}.new#{"(#{needed.join(", ")})" if needed.any?}.tap { |#{@variable}| #{@variable}.save!(validate: false) }"
      end

      # @return [Array<Act>] after the start, in an order in which each comes to its turn
      def acts = order.filter_map { |step| act(step) }

      # @return [Boolean] whether all steps are done, none passed over
      def whole? = @plan.steps.none? { |step| step.values[:wait] }

      private
        # What comes after a step that was passed over is left to workers, a `now` step too.
        def left?(step)
          return step.kind == :later unless step.kind == :now
          (definitions.fetch(step.name).follows & @plan.steps.select { |other| other.values[:wait] }.map(&:name)).any?
        end

        def act(step)
          return Act.new(code: "#{run}.skip(:#{step.name}) # its time comes #{step.code[:wait]} later") if step.values[:wait]
          return Act.new(code: "#{player}.now(:#{step.name}) # a worker does") if left?(step)
          Act.new(await: step.name, code: "#{player}.submit(:#{step.name}#{input(step)})") if step.kind == :await
        end

        def input(step)
          given = (step.values[:fields] || {}).keys.map { |field| "#{field}: \"something\"" }
          given.unshift("code: Workflow::Code.make(#{player}, :#{step.name})") if step.values[:by] == :code
          given.map { |one| ", #{one}" }.join
        end

        def order
          each = ->(&block) { @plan.steps.map(&:name).each(&block) }
          sorted = TSort.tsort(each, ->(name, &block) { definitions.fetch(name).follows.each(&block) })
          sorted.filter_map { |name| @plan.steps.find { |step| step.name == name } }
        end

        def definitions = @definitions ||= @plan.definition.steps.to_h { |step| [ step.name, step ] }

        # Who has its steps run: of a workflow with a name the run, since another workflow may have steps of these names.
        def player = @workflow ? run : @variable

        # Each parameter's own name as its value, for want of a better one.
        def parameters
          @model.parameters(:req).map { |name| name.name.inspect } + @model.parameters(:keyreq).map { |name| "#{name}: #{name.name.inspect}" }
        end

        def samples = @plan.attributes.filter_map { |attribute| sample(*attribute.split(":")[0, 2].map { |part| part[/\A\w+/] }) }

        def sample(name, type)
          return other(name, name.camelize) if %w[references belongs_to].include?(type)
          SAMPLES[type] && "#{name}: #{SAMPLES[type]}"
        end

        # One that is there, of the fixtures say, or one that is made up.
        def other(name, class_name) = "#{name}: #{class_name}.first || #{class_name}.new.tap { |#{name}| #{name}.save!(validate: false) }"

        # What the table insists on, of types that can be made up.
        def needed
          klass = @class_name.safe_constantize
          return [] unless klass.respond_to?(:columns) && klass.table_exists?
          others = klass.reflect_on_all_associations(:belongs_to).reject(&:polymorphic?).to_h { |association| [ association.foreign_key.to_s, association ] }
          insisting(klass).filter_map do |column|
            association = others[column.name]
            association ? other(association.name, association.class_name) : sample(column.name, column.type.to_s)
          end
        rescue StandardError, LoadError
          []
        end

        def insisting(klass)
          klass.columns.reject { |column| column.null || column.default || column.default_function || [ klass.primary_key, "created_at", "updated_at" ].include?(column.name) }
        end
    end
  end
end
