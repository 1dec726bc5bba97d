# frozen_string_literal: true

module Workflow
  # What became of a `submit`: accepted or not, why not, and the run as it is now.
  class Submission
    # @return [#full_messages, #any?, #[]] empty when accepted. ActiveModel::Errors when the object has errors of its own.
    #   What is wrong with a field of the input is under its name, all else under :base
    # @example
    #   order.submit(:confirm).errors[:code]  # => [ "is missing" ]
    attr_reader :errors
    # @return [Run]
    attr_reader :run

    def initialize(run, errors, accepted:, kept: false)
      @run, @errors, @accepted, @kept = run, errors, accepted, kept
    end

    # @return [Boolean]
    # @example
    #   render :show, status: :unprocessable_entity unless @signup.submit(:activate, code: code).accepted?
    def accepted? = @accepted

    # @return [Boolean] whether it came before the await's turn (`early: true`): it is in the log, and is judged then
    # @example
    #   payment.submit(:confirm, code: "1").kept?  # accepted? too
    def kept? = @kept

    # Not what the errors say: that may be made of the input, and this ends up in logs.
    def inspect
      "#<#{self.class} #{kept? ? "kept" : accepted? ? "accepted" : "not accepted (#{errors.attribute_names.join(", ")})"} #{run.inspect}>"
    end
  end
end
