# frozen_string_literal: true

module Workflow
  module Helper
    # The parts of a page that follow a run. Each is one element with an id, stamped with the version that it shows; live.js
    # replaces it when the run has gone on. Inside another one of the same run they are plain: that one is replaced as a whole.
    # Part of Helper.
    module Live
      # A partial of the run's present state, kept true. The first that exists of `signups/workflow/_waiting_for_activate`,
      # `_running_create_account` (state and step), `_running` (the state), and the gem's own `workflow/_running`. Partials get
      # the subject under its model name, and `workflow`.
      # @param subject_or_run [Object, Run]
      # @param partial [String, nil] another one, for all states; its name ends the element's id
      # @param id [String, nil] of the element
      # @param refresh [Numeric, false, nil] seconds between two looks of a browser without scripting; false: none; nil: by the
      #   state, and none where there is something to type in
      # @yieldparam workflow [Run] instead of a partial
      # @return [ActiveSupport::SafeBuffer]
      # @example
      #   <%= workflow_for @signup %>
      #   <%= workflow_for @signup, partial: "signups/timeline" %>
      #   <%= workflow_for(@signup, id: "badge") { |workflow| workflow.state.to_s } %>
      def workflow_for(subject_or_run, partial: nil, id: nil, refresh: nil, &block)
        run = workflow_run(subject_or_run)
        suffix = partial ? File.basename(partial).delete_prefix("_") : ("part" if block)
        workflow_region(run, :div, class: "workflow", id: id || workflow_dom_id(run, suffix), refresh: refresh) do
          next capture(run, &block) if block
          render(partial: partial || workflow_partial(run), locals: workflow_locals(run))
        end
      end

      # The steps of a run and where each stands, as an ordered list.
      # @param subject_or_run [Object, Run]
      # @param id [String, nil] of the element
      # @return [ActiveSupport::SafeBuffer]
      # @example
      #   <%= workflow_steps_tag @signup %>
      def workflow_steps_tag(subject_or_run, id: nil)
        run = workflow_run(subject_or_run)
        workflow_region(run, :ol, wrap: :li, class: "workflow-steps", id: id || workflow_dom_id(run, "steps")) do
          safe_join(run.steps.map { |step| workflow_step_tag(step) })
        end
      end

      # How far the step that runs says it is ({InnerWords#progress}), as a `<progress>` with its text; without a number while
      # nobody knows, full when the run is done.
      # @param subject_or_run [Object, Run]
      # @param id [String, nil] of the element
      # @return [ActiveSupport::SafeBuffer]
      # @example
      #   <%= workflow_progress_tag @import %>
      def workflow_progress_tag(subject_or_run, id: nil)
        run = workflow_run(subject_or_run)
        workflow_region(run, :div, class: "workflow-progress", id: id || workflow_dom_id(run, "progress")) { workflow_bar(run) }
      end

      # Leads on when a step of the run is completed: for the partial or block of a region.
      # @param step [Symbol]
      # @param done [Object] where to, as `url_for` takes it
      # @return [ActiveSupport::SafeBuffer, nil]
      # @raise [ArgumentError] outside a region, or of a name that the run has no step of
      # @example
      #   <%= workflow_for @report do %><p>Being built.</p><%= visit_when :build, done: report_path(@report) %><% end %>
      def visit_when(step, done:)
        run = @workflow_shown&.last or
          raise ArgumentError, "visit_when #{step.inspect} is not in a region of a run. Put it into a partial or the block of workflow_for."
        return unless run.completed?(step)
        path = url_for(done)
        tag.span(hidden: true, data: { workflow_visit: path }) { tag.noscript { tag.meta("http-equiv": "refresh", content: "0;url=#{path}") } }
      end

      private
        def workflow_region(run, name, refresh: nil, wrap: nil, **attributes, &block)
          return tag.public_send(name, class: attributes[:class], &block) if @workflow_shown&.any? { |shown| shown.id == run.id }
          first = (@workflow_streams ||= Set.new).add?(run.id).present?
          content = workflow_showing(run, &block)
          Region.new(self, run, refresh: refresh, first: first).render(name, content, wrap: wrap, **attributes)
        end

        def workflow_showing(run)
          (@workflow_shown ||= []).push(run)
          capture { yield }
        ensure
          @workflow_shown.pop
        end

        def workflow_run(subject_or_run)
          subject_or_run.is_a?(Run) ? subject_or_run : Run.of(subject_or_run)
        end

        # @return [Object, nil] nil: what it remembers was encrypted with a key that is not known here, which is nothing against the page
        def workflow_subject(run)
          run.subject
        rescue KeyMissing
          nil
        end

        def workflow_locals(run)
          subject = workflow_subject(run)
          subject ? { workflow_name(subject).to_sym => subject, workflow: run } : { workflow: run }
        end

        def workflow_name(subject)
          subject.class.respond_to?(:model_name) ? subject.class.model_name.element : subject.class.name.demodulize.underscore
        end

        def workflow_folder(subject)
          subject.class.respond_to?(:model_name) ? subject.class.model_name.collection : subject.class.name.underscore.pluralize
        end

        # workflow_signup_1, workflow_order_5_fulfilment, workflow_order_5_fulfilment_steps
        def workflow_dom_id(run, suffix = nil)
          subject = workflow_subject(run) or return [ "workflow_run", run.id, suffix ].compact.join("_")
          id = subject.respond_to?(:to_key) ? subject.to_key&.join("_") : run.id
          name = run.name.to_s.delete_prefix(".") unless run.name == :workflow
          [ "workflow", workflow_name(subject), id || "new", name, suffix ].compact.join("_")
        end

        def workflow_partial(run)
          subject = workflow_subject(run) or return "workflow/#{run.state}"
          folder = "#{workflow_folder(subject)}/workflow"
          name = workflow_partial_names(run).find { |candidate| lookup_context.exists?(candidate, [ folder ], true) }
          name ? "#{folder}/#{name}" : "workflow/#{run.state}"
        end

        def workflow_partial_names(run)
          awaits = run.waiting? ? run.steps.select(&:waiting?).map { |step| "waiting_for_#{step.name}" } : []
          step = workflow_shown_step(run)
          [ *awaits, *("#{run.state}_#{step.name}" if step), run.state.to_s ]
        end

        def workflow_bar(run)
          step = workflow_shown_step(run)
          percent = run.done? ? 100 : step&.progress&.percent
          text = step&.progress&.to_s.presence || workflow_state_text(run)
          safe_join([ (tag.progress(max: 100, value: percent, "aria-label": text) unless run.failed? || run.none?), tag.span(text) ].compact, " ")
        end

        def workflow_step_tag(step)
          text = [ step.state.to_s, ("attempt #{step.attempts}" if step.attempts > 1), step.error&.to_s || step.reason, step.by ]
          tag.li(class: "workflow-step #{step.state}", data: { step: step.name, state: step.state }) do
            safe_join([ tag.strong(step.name.to_s.humanize), tag.span(text.compact.join(" · ")) ], " ")
          end
        end
    end
  end
end
