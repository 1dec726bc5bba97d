# frozen_string_literal: true

# Everything that the gem raises. A message says what, where (run, step, file and line) and what to do.
# The core raises these classes too, so this file is loaded before it.
module Workflow
  # The parent of all errors of the gem.
  class Error < StandardError; end

  # A declaration, an option or config/workflow.yml is wrong, or the code no longer fits it.
  class DefinitionError < Error; end

  # An open run has come to a step that the present code has no more, or has as an await where it was none. The run is
  # paused; the message says the ways on.
  class StepVanished < DefinitionError; end

  # An argument, an input or a subject cannot be written to the log.
  class NotSerializable < Error; end

  # What was submitted cannot be written to the log, and the await has no `fields:` that would say what is wrong with it.
  class BadInput < NotSerializable; end

  # An argument, an input or a result is larger than the log takes (1 MiB).
  class PayloadTooLarge < Error; end

  # `submit!` of a step that is not awaited.
  class NotWaiting < Error; end

  # `now` or `later` of a step whose turn has not come or is over, `retry` of a run that has not failed, `cancel`, `pause`,
  # `resume` or `skip` of one that is in another state. The message says the state.
  class NotPending < Error; end

  # `reject` was called: by the await behind `submit!`, or by an ordinary step.
  class Rejected < Error
    # @return [#full_messages, nil] the errors of the submission
    attr_reader :errors

    def initialize(message = nil, errors: nil)
      super(message)
      @errors = errors
    end
  end

  # There is no run of that id in the log. The message says where it was looked for.
  class RunMissing < Error; end

  # The record that a run is about is gone.
  class SubjectMissing < Error; end

  # What was encrypted in the log, its name being one of `filter_parameters`, cannot be opened: its key is not known here.
  # The message says what to do.
  class KeyMissing < Error; end

  # What a run took along from whoever started it (`config.travels`, the locale, the time zone) cannot be put back here. It is
  # reported, and the step runs without.
  class TravelLost < Error; end

  # A step was stopped before its end: its time (`timeout:`) was up, another process has it, or the worker ends.
  class Interrupted < Error; end

  # The run is being cancelled: raised by `checkpoint` and `progress` in a step of it.
  class Cancelled < Error; end

  # The application's database did not say whether a transaction has committed. The message says what becomes of it.
  class OutcomeUnknown < Error; end

  # The store refused, or cannot be opened.
  class StoreError < Error; end

  # The store cannot be reached in time.
  class StoreUnavailable < StoreError; end

  # The store was written by a newer version of the gem.
  class StoreTooNew < StoreError; end

  # The store is damaged.
  class StoreCorrupt < StoreError; end

  # The application's database has no table workflow_receipts, and what was asked for needs it.
  class ReceiptsMissing < StoreError; end

  # The table workflow_receipts is not as the gem makes it.
  class ReceiptsInvalid < StoreError; end
end
