# frozen_string_literal: true

# Waiting for what the log will tell, with a deadline.
module Eventually
  # Waits until the block is true; looks again whenever the log has grown.
  def eventually(what, within: 20)
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + within
    position = 0
    until (result = yield)
      raise "#{what}: not within #{within} s#{instead}" if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline
      position = Workflow.engine.last_position unless Workflow.engine.wait_log(position, 100)
    end
    result
  end

  # What there is to say of it when it has not come: for those who include this.
  def instead = nil
end
