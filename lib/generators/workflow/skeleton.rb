# frozen_string_literal: true

module Workflow
  module Generators
    # A model's text with the steps of a plan in it: `include Workflow` and the block above its methods, and an empty method for
    # each step below them. What is there already stays as it is, and is not added again.
    class Skeleton
      SAID = { now: "Runs here, before whoever starts or submits goes on.", later: "A worker runs this.",
        await: "Called with what a person submits. `reject \"why\"` refuses it, and the run goes on waiting." }.freeze

      # @param source [Source]
      # @param plan [Plan]
      # @param model [Model] the class as it is
      def initialize(source, plan, model)
        @source, @plan, @model = source, plan, model
      end

      # @return [Array<Symbol>] steps of the plan that the class has
      def existing = @plan.steps.map(&:name).select { |name| @source.steps.include?(name.to_s) }

      # @return [String]
      def text
        found = @source
        found = found.of(found.with(found.block_end, missing.map { |step| line(step) })) if found.workflow? && missing.any?
        found = found.of(found.with(found.foot, method_lines, apart: true)) if methods.any?
        head_lines.any? ? found.with(found.head, head_lines, apart: true) : found.text
      end

      # @return [String] what was added, in a line
      def told
        [ ("remembers #{@model.forgotten.join(", ")}" if @model.forgotten.any?), ("steps #{missing.map(&:name).join(", ")}" if missing.any?), ("methods #{methods.map(&:first).join(", ")}" if methods.any?) ].compact.join("; ")
      end

      private
        def missing = @plan.steps.reject { |step| existing.include?(step.name) }

        def head_lines
          words = [ *("include Workflow" unless @source.includes?), *list("remembers", @model.forgotten), *list("attr_reader", @model.unread) ]
          block = @source.workflow? ? [] : [ @source.opening, *missing.map { |step| "  #{line(step)}" }, "end" ]
          [ words, block ].reject(&:empty?).inject { |above, below| [ *above, "", *below ] } || []
        end

        def list(word, names) = names.any? ? [ "#{word} #{names.map(&:inspect).join(", ")}" ] : []

        def method_lines
          methods.flat_map { |signature, said, body| [ *("# #{said}" if said), "def #{signature}", *("  #{body}" if body), "end", "" ] }[0..-2]
        end

        # `now   :create_account`, the names under each other.
        def line(step)
          options = step.code.map { |name, value| ", #{name}: #{value}" }.join
          "#{step.kind.to_s.ljust(5)} :#{step.name}#{options}"
        end

        def methods
          @methods ||= (missing.map { |step| [ signature(step), SAID.fetch(step.kind) ] } + @plan.named.map { |name, value| [ name.to_s, nil, value ] })
            .reject { |signature,| signature[/\A\w+[?!]?/].then { |name| @source.methods.include?(name) || @model.inherited?(name) } }
        end

        def signature(step)
          fields = (step.values[:fields] || {}).keys
          fields.empty? ? step.name.to_s : "#{step.name}(#{fields.map { |field| "#{field}:" }.join(", ")})"
        end
    end
  end
end
