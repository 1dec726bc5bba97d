# frozen_string_literal: true

require "ripper"

module Workflow
  module Generators
    # What a file of Ruby has, and where: its classes, the methods and the workflow of each, and where more of that belongs. It is
    # read by Ruby's own parser, so that text in strings, heredocs and comments is never taken for code.
    class Source
      # Ruby's tree, in which whatever ends with a word or a brace says where that is.
      class Tree < Ripper::SexpBuilderPP
        %i[class module do_block brace_block].each do |name|
          define_method(:"on_#{name}") { |*parts| super(*parts).push(name == :brace_block ? @brace : @end) }
        end

        private
          def on_kw(word) = super.tap { @end = [ lineno, column ] if word == "end" }
          def on_rbrace(brace) = super.tap { @brace = [ lineno, column ] }
      end

      # A class in it: its end, the part of it that is public, whether it includes Workflow, the workflow's block.
      Found = Struct.new(:body, :end, :block, keyword_init: true)

      # @return [String]
      attr_reader :text

      # @param text [String]
      # @param name [String] of the class: "Admin::Signup"
      def initialize(text, name)
        @text, @name = text, name
        tree = Tree.new(text)
        parsed = tree.parse
        @broken = tree.error?
        @class = find(parsed, "") unless @broken
      end

      # @return [Boolean] whether it is no Ruby
      def broken? = @broken

      # @return [Boolean] whether the class is in it
      def found? = !@class.nil?

      # @return [Boolean] whether the class includes Workflow
      def includes? = calls(@class.body).any? { |word, first| word == "include" && first == "Workflow" }

      # @return [Boolean] whether it has a workflow without a name
      def workflow? = !block.nil?

      # @return [Array<String>] the names of its steps, in `together` and `either` too
      def steps = block ? nested(block) : []

      # @return [Array<String>] the names of the methods that are written in the class
      def methods
        @class.body.filter_map do |node|
          node = node.dig(2, 1, 0) if node[0] == :command && node[2].is_a?(Array) # private def x
          node[1][1] if node.is_a?(Array) && node[0] == :def
        end
      end

      # @return [Array(Integer, Integer)] line and column of the end of the class's public part
      def place = (word = visibility) ? word : @class.end

      # @return [Array(Integer, Integer)] line and column of the end of the workflow's block
      def block_end = block.last

      # @param place [Array(Integer, Integer)]
      # @param lines [Array<String>] without indentation; "" for an empty one
      # @param apart [Boolean] whether empty lines are to be around them
      # @param inner [Boolean] whether what stands at the place is one level further out
      # @return [String] the text with the lines before that place
      def with(place, lines, apart: false, inner: true)
        all = text.lines
        row, column = place
        before, after = all[row - 1].byteslice(0, column), all[row - 1].byteslice(column..)
        margin = before[/\A\s*/]
        indent = inner ? "#{margin}  " : margin
        added = lines.map { |line| line.empty? ? "\n" : "#{indent}#{line}\n" }
        if before.strip.empty?
          added.unshift("\n") if apart && gap_wanted?(all[row - 2])
          added.push("\n") if apart && !inner
          all.insert(row - 1, *added)
        else # all in one line
          all[row - 1, 1] = [ "#{before.rstrip.delete_suffix(";")}\n", *added, "#{margin}#{after}" ]
        end
        all.join
      end

      # @return [Boolean] whether the class's end stands further out than what is to stand before it
      def at_end? = visibility.nil?

      private
        def find(node, outer)
          return unless node.is_a?(Array)
          if %i[class module].include?(node[0])
            name = [ outer, constant(node[1]) ].reject(&:empty?).join("::")
            return Found.new(body: statements(node[0] == :class ? node[3] : node[2]), end: node.last) if node[0] == :class && name == @name
            return node.filter_map { |part| find(part, name) }.first
          end
          node.each { |part| found = find(part, outer) and return found }
          nil
        end

        def constant(node)
          return node[1] if node[0] == :@const
          node.drop(1).grep(Array).map { |part| constant(part) }.join("::")
        end

        def statements(node) = (node[0] == :bodystmt ? node[1] : node).grep(Array)

        # The words that are called, each with its first argument as text, and its block.
        def calls(nodes) = nodes.filter_map { |node| call(node) }

        def call(node)
          case node[0]
          when :method_add_block then call(node[1])&.first(2)&.push(node[2])
          when :method_add_arg then [ node[1][1][1], first(node[2]) ] if node[1][0] == :fcall
          when :command then [ node[1][1], first(node[2]) ]
          when :fcall, :vcall then [ node[1][1], nil ]
          end
        end

        # @return [String, nil] :charge as "charge", Workflow as "Workflow"
        def first(arguments)
          arguments = arguments[1] while arguments.is_a?(Array) && %i[arg_paren args_add_block].include?(arguments[0])
          node = arguments.is_a?(Array) && arguments.find { |part| part.is_a?(Array) }
          node && token(node)
        end

        def token(node)
          return node[1] if node[0].to_s.start_with?("@")
          return unless %i[symbol_literal symbol string_literal string_content var_ref top_const_ref].include?(node[0])
          node.drop(1).grep(Array).filter_map { |part| token(part) }.first
        end

        def block = @block ||= calls(@class.body).find { |word, name, block| word == "workflow" && (name.nil? || name == "workflow") && block }&.last

        def nested(block)
          body = block.find { |part| part.is_a?(Array) && part[0] == :bodystmt } || block[2]
          calls(statements(body)).flat_map do |word, name, inner|
            inner ? nested(inner) : (%w[now later await].include?(word) ? [ name ] : [])
          end.compact
        end

        # The place of a `private` that all below it is.
        def visibility
          node = @class.body.find { |part| part[0] == :vcall && %w[private protected].include?(part[1][1]) }
          node && node[1][2]
        end

        def gap_wanted?(line) = !line.strip.empty? && !line.match?(/^\s*class\b/)
    end
  end
end
