# frozen_string_literal: true

require "json"

# A forked process that is asked, a line of JSON each way.
class Asked
  # @yieldreturn [#answer, #close] made in that process
  def initialize(&made)
    theirs, @input = IO.pipe
    @output, ours = IO.pipe
    @pid = fork do
      [ @input, @output ].each(&:close)
      serve(made.call, theirs, ours)
      exit!(0)
    end
    [ theirs, ours ].each(&:close)
    @input.sync = true
  end

  def ask(*question)
    @input.puts(JSON.generate(question))
    JSON.parse(@output.gets || raise("who was asked #{question} is gone"))
  end

  def close
    @input.puts("null") # others that were forked meanwhile keep the pipe
    Process.wait(@pid)
  end

  private
    def serve(answering, input, output)
      output.sync = true
      while (question = JSON.parse(input.gets || "null")) do output.puts(JSON.generate(answer(answering, question))) end
      answering.close
    end

    def answer(answering, question)
      answering.answer(*question)
    rescue StandardError => error
      { problems: [ error.full_message(highlight: false) ] }
    end
end
