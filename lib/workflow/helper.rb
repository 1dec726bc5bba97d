# frozen_string_literal: true

module Workflow
  # View helpers: the present state of a run, kept true while the page is open, and its steps as a list.
  module Helper
    # The partial for the present state, in an element that follows the run. Looks for
    # `signups/workflow/_activate` (the step that is awaited or runs), `signups/workflow/_waiting` (the state), and
    # falls back to the gem's own. Partials get the subject under its model name, and `workflow`.
    # @param subject_or_run [Object, Run]
    # @return [ActiveSupport::SafeBuffer]
    # @example
    #   <%= workflow_for @signup %>
    def workflow_for(subject_or_run)
      run = workflow_run(subject_or_run)
      subject = workflow_subject(run)
      locals = { workflow: run, **(subject ? { workflow_name(subject).to_sym => subject } : {}) }
      tag.div(id: workflow_dom_id(run), class: "workflow", data: { state: run.state, version: run.version }) do
        safe_join([ workflow_stream_tag(run), render(partial: workflow_partial(run), locals: locals) ].compact, "\n")
      end
    end

    # The steps of a run and where each stands, as an ordered list.
    # @param subject_or_run [Object, Run]
    # @return [ActiveSupport::SafeBuffer]
    # @example
    #   <%= workflow_steps_tag @signup %>
    def workflow_steps_tag(subject_or_run)
      run = workflow_run(subject_or_run)
      tag.ol(class: "workflow-steps") { safe_join(run.steps.map { |step| workflow_step_tag(step) }) }
    end

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
    # @raise [ArgumentError] of a name that the run has no await of
    # @example
    #   <%= workflow_form_for @order, :confirm, submission: @submission, input: params[:input], url: confirmation_path(@order) do |form| %>
    #     <%= form.label :code %> <%= form.text_field :code %>
    #     <%= form.submit "Confirm" %>
    #   <% end %>
    def workflow_form_for(subject_or_run, await, submission: nil, input: nil, button: nil, **options, &block)
      run = workflow_run(subject_or_run)
      step = run.step(await)
      raise ArgumentError, "workflow_form_for: #{step.name} is no await, so that it takes no input" unless step.kind == :await
      input = input.to_unsafe_h if input.respond_to?(:to_unsafe_h)
      object = Form.new(Proof.declared(run, step.name), submission: submission, input: (input if input.is_a?(Hash)))
      block ||= ->(form) { render "workflow/form", form: form, button: button || t("workflow.form.button", default: "Send") }
      form_with(model: object, scope: :input, url: false, **options, &block)
    end

    private
      def workflow_run(subject_or_run)
        subject_or_run.is_a?(Run) ? subject_or_run : Run.of(subject_or_run)
      end

      # @return [Object, nil] nil: what it remembers was encrypted with a key that is not known here, which is nothing against the page
      def workflow_subject(run)
        run.subject
      rescue KeyMissing
        nil
      end

      def workflow_name(subject)
        subject.class.respond_to?(:model_name) ? subject.class.model_name.element : subject.class.name.demodulize.underscore
      end

      def workflow_folder(subject)
        subject.class.respond_to?(:model_name) ? subject.class.model_name.collection : subject.class.name.underscore.pluralize
      end

      def workflow_dom_id(run)
        subject = workflow_subject(run) or return "workflow_run_#{run.id}"
        id = subject.respond_to?(:to_key) ? subject.to_key&.join("_") : run.id
        [ "workflow", workflow_name(subject), id || "new" ].join("_")
      end

      def workflow_partial(run)
        subject = workflow_subject(run) or return "workflow/state"
        folder = "#{workflow_folder(subject)}/workflow"
        name = [ (run.current_step&.name unless run.paused?), run.state ].compact.find { |candidate| lookup_context.exists?(candidate.to_s, [ folder ], true) }
        name ? "#{folder}/#{name}" : "workflow/state"
      end

      def workflow_stream_tag(run)
        return unless run.id
        tag.public_send(:"turbo-cable-stream-source", channel: "Workflow::StreamChannel",
          "signed-stream-name": StreamName.sign(run), data: { version: run.version })
      end

      # The input of one field, by its type.
      def workflow_field(form, name)
        given = { required: !form.object.optional?(name) }
        return form.text_field(name, inputmode: "numeric", autocomplete: "one-time-code", maxlength: 9, **given) if form.object.code?(name)
        return form.password_field(name, given) if name.match?(/passw/i) && Secrets.match?(name) # which is not given back
        choices = form.object.choices(name)
        return form.select(name, choices, { include_blank: true }, given) if choices
        case Array(form.object.type(name)).first.to_s
        when "boolean" then form.check_box(name)
        when "Integer" then form.number_field(name, given)
        when "Float", "BigDecimal", "Numeric" then form.number_field(name, step: "any", **given)
        when "Date" then form.date_field(name, given)
        when "Time", "DateTime" then form.datetime_field(name, given)
        else form.text_field(name, given)
        end
      end

      def workflow_step_tag(step)
        text = [ step.state.to_s, ("attempt #{step.attempts}" if step.attempts > 1), step.error&.to_s || step.reason, step.by ]
        tag.li(class: "workflow-step #{step.state}", data: { step: step.name, state: step.state }) do
          safe_join([ tag.strong(step.name.to_s.humanize), tag.span(text.compact.join(" · ")) ], " ")
        end
      end
  end
end
