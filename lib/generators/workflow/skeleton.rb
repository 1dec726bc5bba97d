# frozen_string_literal: true

module Workflow
  module Generators
    # A model's text with the steps of a plan in it: `include Workflow`, the block, and an empty method for each. What is there
    # already stays as it is, and is not added again.
    class Skeleton
      SAID = { now: "Runs here, before whoever starts or submits goes on.", later: "A worker runs this.",
        await: "Takes what a person submits. `reject \"why\"` goes on waiting." }.freeze

      # @param source [Source]
      # @param plan [Plan]
      # @param inherited [#call] whether what is to be a method comes from elsewhere: a concern, a column, Active Record
      def initialize(source, class_name, plan, inherited)
        @source, @class_name, @plan, @inherited = source, class_name, plan, inherited
      end

      # @return [Array<Symbol>] steps of the plan that the class has
      def existing = @plan.steps.map(&:name).select { |name| @source.steps.include?(name.to_s) }

      # @return [String]
      def text
        return @source.text if missing.empty? && methods.empty? && @source.includes?
        text = @source.text
        text = @source.with(@source.block_end, missing.map { |step| line(step) }) if @source.workflow?
        rest = Source.new(text, @class_name)
        rest.with(rest.place, class_lines, apart: true, inner: rest.at_end?)
      end

      # @return [String] what was added, in a line
      def told
        [ ("steps #{missing.map(&:name).join(", ")}" if missing.any?), ("methods #{methods.map(&:first).join(", ")}" if methods.any?) ].compact.join("; ")
      end

      private
        def missing = @plan.steps.reject { |step| existing.include?(step.name) }

        def class_lines
          lines = []
          lines << "include Workflow" << "" unless @source.includes?
          lines.push("workflow do", *missing.map { |step| "  #{line(step)}" }, "end", "") unless @source.workflow?
          methods.each { |signature, said, body| lines.push(*("# #{said}" if said), "def #{signature}", *("  #{body}" if body), "end", "") }
          lines[0..-2]
        end

        # `now   :create_account`, the names under each other.
        def line(step)
          options = step.code.map { |name, value| ", #{name}: #{value}" }.join
          "#{step.kind.to_s.ljust(5)} :#{step.name}#{options}"
        end

        def methods
          @methods ||= (missing.map { |step| [ signature(step), SAID.fetch(step.kind) ] } + @plan.named.map { |name, value| [ name.to_s, nil, value ] })
            .reject { |signature,| signature[/\A\w+[?!]?/].then { |name| @source.methods.include?(name) || @inherited.call(name) } }
        end

        def signature(step)
          fields = (step.values[:fields] || {}).keys
          fields.empty? ? step.name.to_s : "#{step.name}(#{fields.map { |field| "#{field}:" }.join(", ")})"
        end
    end
  end
end
