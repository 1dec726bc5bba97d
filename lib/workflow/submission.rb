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

    # What the gem itself says against the input, word for word. What the application says may be made of the input, and this ends
    # up in logs: of that the field alone, and where to read it.
    def inspect
      "#<#{self.class} #{kept? ? "kept" : accepted? ? "accepted" : "not accepted (#{reasons.join("; ")})"} #{run.inspect}>"
    end

    private
      def reasons
        hidden, steps = "see errors.full_messages", run.steps.map(&:name)
        errors.attribute_names.map do |field|
          texts = errors[field].map { |text| Wording.ours?(text, steps) ? text : hidden }.uniq
          "#{field}: #{texts.join(", ")}"
        end
      end
  end
end
