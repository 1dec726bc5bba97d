# frozen_string_literal: true

# One part of README.md as a person follows it who types what is printed: the commands of its blocks, and the files to write or
# to add to, in their order. What belongs into a file says so in a comment above it; the rest are commands.
class ReadmePart
  Command = Struct.new(:text)
  Snippet = Struct.new(:path, :text)
  class Unreadable < StandardError; end

  BLOCK = /^```\w*\n(.*?)^```$/m
  # "# config/routes.rb, within draw" or "<%# app/views/signups/new.html.erb %>"
  PATH = %r{^(?:#|<%#) ((?:\w[\w.-]*/)*\w+(?:\.\w+)+|Gemfile)(?:,[^\n]*)?(?: %>)?\n}

  # @param heading [String] of the second level
  # @raise [Unreadable] if README.md has no such part
  def initialize(heading, file)
    @text = File.read(file)[/^## #{Regexp.escape(heading)}\n(.*?)(?=^## |\z)/m, 1] or raise Unreadable, "#{file} has no heading #{heading.inspect}."
  end

  # @return [Array<Command, Snippet>]
  def things
    @things ||= @text.scan(BLOCK).flatten.flat_map { |text| text.match?(/\A#{PATH}/) ? snippets(text) : commands(text) }
  end

  # @return [Array(String, String)] the command that starts the server, and what to open there
  # @raise [Unreadable] if it does not say so
  def start
    @text.match(%r{`(bin/rails server[^`]*)`, (/[\w/]*)})&.captures or raise Unreadable, "It does not say how to start a server, and what to open there."
  end

  private
    def commands(text)
      text.lines.map { |line| line.sub(/(\A|\s+)# .*/m, "").strip }.reject(&:empty?).map { |line| Command.new(line) }
    end

    def snippets(text)
      text.split(PATH).drop(1).each_slice(2).map { |path, rest| Snippet.new(path, rest.rstrip + "\n") }
    end
end
