# frozen_string_literal: true

require_relative "helper/texts"
require_relative "helper/live"

module Workflow
  # View helpers: the present state of a run, kept true while the page is open ({Live}), and forms for awaits.
  module Helper
    include Live, Texts

    # A form for the input of an await, by Rails' form builders: the values and errors of a submission that was not accepted
    # are in it. Without a block it has all the await's fields and a button. Sent to where its page is, unless `url:` says
    # where; what is typed comes as `params[:input]`.
    # @param subject_or_run [Object, Run]
    # @param await [Symbol]
    # @param submission [Submission, nil] the last one
    # @param input [Hash, ActionController::Parameters, nil] what was sent with it
    # @param button [String] what is on that button
    # @param options [Hash] of `form_with`
    # @yieldparam form [ActionView::Helpers::FormBuilder]
    # @return [ActiveSupport::SafeBuffer]
    # @raise [ArgumentError] of a name that the run has no await of; of nil, and of what is neither an object of a class that includes Workflow nor a run
    # @example
    #   <%= workflow_form_for @order, :confirm, submission: @submission, input: params[:input], url: confirmation_path(@order) do |form| %>
    #     <%= form.label :code %> <%= form.text_field :code %>
    #     <%= form.submit "Confirm" %>
    #   <% end %>
    def workflow_form_for(subject_or_run, await, submission: nil, input: nil, button: nil, **options, &block)
      run = workflow_run(subject_or_run, "workflow_form_for")
      step = run.step(await)
      raise ArgumentError, "workflow_form_for: #{step.name} is no await, so that it takes no input" unless step.kind == :await
      input = input.to_unsafe_h if input.respond_to?(:to_unsafe_h)
      object = Form.new(Proof.declared(run, step.name), submission: submission, input: (input if input.is_a?(Hash)))
      block ||= ->(form) { render "workflow/form", form: form, button: button || t("workflow.form.button", default: "Send") }
      form_with(model: object, scope: :input, url: false, **options, &block)
    end

    private
      # The input of one field, by its type.
      def workflow_field(form, name)
        given = { required: !form.object.optional?(name) }
        return form.text_field(name, inputmode: "numeric", autocomplete: "one-time-code", maxlength: 9, **given) if form.object.code?(name)
        return form.password_field(name, given) if name.match?(/passw/i) && Secrets.match?(name) # which is not given back
        choices = form.object.choices_of(name)
        return form.select(name, choices, { include_blank: true }, given) if choices
        case Array(form.object.type_of(name)).first.to_s
        when "boolean" then form.check_box(name)
        when "Integer" then form.number_field(name, given)
        when "Float", "BigDecimal", "Numeric" then form.number_field(name, step: "any", **given)
        when "Date" then form.date_field(name, given)
        when "Time", "DateTime" then form.datetime_field(name, given)
        else form.text_field(name, given)
        end
      end
  end
end
