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

      # A class in it: what is written in it, and where it ends.
      Found = Struct.new(:body, :end, keyword_init: true)

      # @return [String]
      attr_reader :text

      # @param text [String]
      # @param name [String] of the class: "Admin::Signup"
      # @param workflow [String] the name of the workflow in it
      def initialize(text, name, workflow: "workflow")
        @text, @name, @workflow = text, name, workflow
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
      def includes? = @class.body.any? { |node| inclusion?(node) }

      # @return [Source] the same of another text
      def of(text) = Source.new(text, @name, workflow: @workflow)

      # @return [String] how the workflow's block begins
      def opening = @workflow == "workflow" ? "workflow do" : "workflow :#{@workflow} do"

      # @return [Boolean] whether it has that workflow
      def workflow? = !block.nil?

      # @return [Array<String>] the names of its steps, in `together` and `either` too
      def steps = block ? nested(block) : []

      # @return [Array<String>] the names of the methods that are written in the class
      def methods
        @class.body.filter_map do |node|
          node = bare(node)
          node[1][1] if node[0] == :def
        end
      end

      # @return [Array(Integer, Integer)] line and column of where the class's words end: above its first method, and below `include Workflow`
      def head
        below = @class.body.drop((@class.body.index { |node| inclusion?(node) } || -1) + 1)
        first = below.find { |node| visibility?(node) || method?(node) }
        first ? above(start(first)) : @class.end
      end

      # @return [Array(Integer, Integer)] line and column of the end of the class's public part
      def foot = (word = @class.body.find { |node| visibility?(node) }) ? above(start(word)) : @class.end

      # @return [Array(Integer, Integer)] line and column of the end of the workflow's block
      def block_end = block.last

      # @param place [Array(Integer, Integer)]
      # @param lines [Array<String>] without indentation; "" for an empty one
      # @param apart [Boolean] whether empty lines are to be around them
      # @return [String] the text with the lines before that place
      def with(place, lines, apart: false)
        all = text.lines
        row, column = place
        before, after = all[row - 1].byteslice(0, column), all[row - 1].byteslice(column..)
        margin = before[/\A\s*/]
        inner = [ @class.end, block&.last ].include?(place) # what stands there is one level further out
        indent = inner || !before.strip.empty? ? "#{margin}  " : margin
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

        def block = @block ||= calls(@class.body).find { |word, name, block| word == "workflow" && (name || "workflow") == @workflow && block }&.last

        def nested(block)
          body = block.find { |part| part.is_a?(Array) && part[0] == :bodystmt } || block[2]
          calls(statements(body)).flat_map do |word, name, inner|
            inner ? nested(inner) : (%w[now later await].include?(word) ? [ name ] : [])
          end.compact
        end

        def inclusion?(node) = call(node)&.first(2) == %w[include Workflow]

        # A `private` that all below it is.
        def visibility?(node) = node[0] == :vcall && %w[private protected].include?(node[1][1])

        def method?(node) = %i[def defs sclass].include?(bare(node)[0])

        # What stands behind a word: `private def x`.
        def bare(node)
          behind = node.dig(2, 1, 0) if node[0] == :command && node[2].is_a?(Array)
          behind.is_a?(Array) && %i[def defs].include?(behind[0]) ? behind : node
        end

        # Where a node begins. Ruby's tree has names with their places, and not the word in front of them.
        def start(node)
          row, column = *places(node).min
          return [ row, column ] unless %i[def defs sclass].include?(node[0])
          [ row, text.lines[row - 1].byteslice(0, column)[/.*(?=\b(def|class)\b)/m]&.bytesize || column ]
        end

        def places(node)
          return [ node[2] ] if node[0].to_s.start_with?("@")
          node.grep(Array).flat_map { |part| places(part) }
        end

        # A comment belongs to what is below it.
        def above(place)
          row, column = place
          lines = text.lines
          return place unless lines[row - 1].byteslice(0, column).strip.empty?
          row -= 1 while row > 1 && lines[row - 2].match?(/\A\s*#/)
          [ row, lines[row - 1][/\A[ \t]*/].size ]
        end

        def gap_wanted?(line) = !line.strip.empty? && !line.match?(/^\s*class\b/)
    end
  end
end
