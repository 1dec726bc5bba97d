# frozen_string_literal: true

module Workflow
  # What an await's method said against an input by raising: a validation error and `reject` are reasons for the person
  # who submitted, any other error is a fault of the application's.
  class Verdict
    # @param execution [Execution] after its attempt
    def initialize(execution)
      @execution, @error, @rejected = execution, execution.error, execution.rejected?
    end

    # @return [Boolean] whether the error is no word on the input at all
    def fault? = !@error.nil? && reasons.nil?

    # @return [String, ActiveModel::Errors, nil] nil: accepted, or a fault
    def reasons
      return @error&.message if @rejected || @error.nil?
      return @error.record&.errors || @error.message if of?("ActiveRecord::RecordInvalid")
      @error.model.errors if of?("ActiveModel::ValidationError")
    end

    # @return [String, nil] the class to record, of a fault
    def error_class = (@error.class.to_s if fault?)

    # @return [String, nil] where in the application, of a fault
    def where = (Report.where(@error) if fault?)

    # @return [String] for the log
    def text = @execution.veil(Messages.text(reasons || @error))

    private
      def of?(name) = Object.const_defined?(name) && @error.is_a?(Object.const_get(name))
  end
end
