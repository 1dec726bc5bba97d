# frozen_string_literal: true

require "tmpdir"

# For examples of several processes on one log, which say `:processes`: a directory of their own, and the processes in
# @children, gone with them at the latest.
module Children
  # kill -9, and its end.
  def kill(pid)
    Process.kill("KILL", pid)
    Process.wait(pid)
    @children.delete(pid)
  end
end

RSpec.configure do |config|
  config.include(Children, :processes)
  config.around(:each, :processes) do |example|
    Dir.mktmpdir("workflow-processes") do |directory|
      @directory, @children = directory, []
      example.run
    ensure
      @children.each { |pid| Process.kill("KILL", pid) && Process.wait(pid) rescue nil }
      Workflow.runtime.stop
    end
  end
end
