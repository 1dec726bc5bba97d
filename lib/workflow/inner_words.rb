# frozen_string_literal: true

module Workflow
  # The private words that `include Workflow` adds to an object, for use inside its steps and the methods of
  # awaits. Each steps aside for a method of its name; all of them answer on `object.workflow` too.
  module InnerWords
    private
      # Leaves the step: an await goes on waiting and its submission returns the message; another step fails at once.
      # Leaves by throw, so that `rescue` does not catch it and `ensure` runs.
      # @param message [String] why, in words for the person who submitted
      # @raise [Error] outside a step
      # @example
      #   def activate(code:) = (reject "Not the code we sent." unless code == self.code)
      def reject(message) = Workflow::Execution.reject(message)

      # Tells, durably, how far the step is: for the page, and for its next attempt. Also a {#checkpoint}.
      # @overload progress(done = nil, of: nil, message: nil, cursor: nil)
      # @param done [Numeric, nil] how many are done
      # @param of [Numeric, nil] of how many
      # @param message [String, nil] for people
      # @param cursor [Object, nil] what `workflow.cursor` is from now on, also in a later attempt; left out, it stays.
      #   All of it together takes at most 4 KiB in the log
      # @return [void]
      # @raise [Interrupted, Cancelled] when the step is not to go on
      # @raise [PayloadTooLarge, NotSerializable, ArgumentError]
      # @raise [Error] outside a step
      # @example
      #   rows.where("id > ?", workflow.cursor || 0).find_each.with_index(1) do |row, number|
      #     import(row)
      #     progress number, of: rows.count, cursor: row.id
      #   end
      def progress(...) = Workflow::Execution.inside("progress").progress(...)

      # Writes a fact of the application's into the run's log.
      # @overload note(kind, **facts)
      # @param kind [Symbol] a word for it: `event.data[:kind]`
      # @param facts [Hash] `event.data[:facts]`, at most 1 MiB
      # @return [void]
      # @raise [Interrupted] when the step is somebody else's by now
      # @raise [PayloadTooLarge, NotSerializable, ArgumentError]
      # @raise [Error] outside a step
      # @example
      #   note :declined, by: "bank", code: 51
      def note(...) = Workflow::Execution.inside("note").note(...)

      # A place where a long step can be left: raises if it is not to go on, and else does nothing.
      # @return [void]
      # @raise [Interrupted] when its time is up, it was taken over by another process, or the worker stops. In the last two
      #   cases the step goes back and is run again; that uses up no retry
      # @raise [Cancelled] when the run is being cancelled
      # @raise [Error] outside a step
      # @example
      #   files.each { |file| checkpoint; convert(file) }
      def checkpoint = Workflow::Execution.inside("checkpoint").checkpoint
  end
end
