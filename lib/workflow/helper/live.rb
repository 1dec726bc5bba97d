# frozen_string_literal: true

module Workflow
  module Helper
    # The parts of a page that follow a run. Each is one element with an id, stamped with the version that it shows; live.js
    # replaces it when the run has gone on. Inside another one of the same run they are plain: that one is replaced as a whole.
    # Part of Helper.
    module Live
      # States in which an await can be open, beside which others run.
      OPEN = %i[waiting running retrying scheduled].freeze
      private_constant :OPEN

      # A partial of the run's present state, kept true. The first that exists of `signups/workflow/_waiting_for_activate`,
      # `_running_create_account` (state and step), `_running` (the state), and the gem's own `workflow/_running`. While others run
      # beside an await, its partial comes behind that of the step that runs. Partials get the subject under its model name, and `workflow`.
      # @param subject_or_run [Object, Run]
      # @param partial [String, nil] another one, for all states; its name ends the element's id
      # @param id [String, nil] of the element
      # @param refresh [Numeric, false, nil] seconds between two looks of a browser without scripting; false: none; nil: by the
      #   state, and none where there is something to type in
      # @param src [String, nil] the address that has the region, where that is not the page's own: what a form's answer, a stream or
      #   a script puts into a page
      # @yieldparam workflow [Run] instead of a partial
      # @return [ActiveSupport::SafeBuffer]
      # @raise [ArgumentError] of nil, and of what is neither an object of a class that includes Workflow nor a run
      # @example
      #   <%= workflow_for @signup %>
      #   <%= workflow_for @signup, partial: "signups/timeline" %>
      #   <%= workflow_for(@signup, id: "badge") { |workflow| workflow.state.to_s } %>
      def workflow_for(subject_or_run, partial: nil, id: nil, refresh: nil, src: nil, &block)
        run = workflow_run(subject_or_run, "workflow_for")
        suffix = partial ? File.basename(partial).delete_prefix("_") : ("part" if block)
        workflow_region(run, :div, class: "workflow", id: id || workflow_dom_id(run, suffix), refresh: refresh, src: src) do
          next capture(run, &block) if block
          render(partial: partial || workflow_partial(run), locals: workflow_locals(run))
        end
      end

      # The steps of a run and where each stands, as an ordered list.
      # @param subject_or_run [Object, Run]
      # @param id [String, nil] of the element
      # @param details [Boolean] whether errors, reasons and processes are shown too: for a page of those who run the application
      # @param refresh [Numeric, false, nil] as of {#workflow_for}
      # @param src [String, nil] as of {#workflow_for}
      # @return [ActiveSupport::SafeBuffer]
      # @raise [ArgumentError] as {#workflow_for}
      # @example
      #   <%= workflow_steps_tag @signup %>
      #   <%= workflow_steps_tag @signup, details: current_user.admin? %>
      def workflow_steps_tag(subject_or_run, id: nil, details: false, refresh: nil, src: nil)
        run = workflow_run(subject_or_run, "workflow_steps_tag")
        workflow_region(run, :ol, wrap: :li, class: "workflow-steps", id: id || workflow_dom_id(run, "steps"), refresh: refresh, src: src) do
          safe_join(run.steps.map { |step| workflow_step_tag(step, details) })
        end
      end

      # How far the step that runs says it is ({InnerWords#progress}), as a `<progress>` with its text; without a number while
      # nobody knows, full when the run is done.
      # @param subject_or_run [Object, Run]
      # @param id [String, nil] of the element
      # @param refresh [Numeric, false, nil] as of {#workflow_for}
      # @param src [String, nil] as of {#workflow_for}
      # @return [ActiveSupport::SafeBuffer]
      # @raise [ArgumentError] as {#workflow_for}
      # @example
      #   <%= workflow_progress_tag @import %>
      def workflow_progress_tag(subject_or_run, id: nil, refresh: nil, src: nil)
        run = workflow_run(subject_or_run, "workflow_progress_tag")
        workflow_region(run, :div, class: "workflow-progress", id: id || workflow_dom_id(run, "progress"), refresh: refresh, src: src) { workflow_bar(run) }
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
        # In a fragment that is cached it would show for good, and to everybody, what it has shown to one.
        def workflow_region(run, name, id:, refresh: nil, src: nil, wrap: nil, **attributes, &block)
          uncacheable! if respond_to?(:uncacheable!)
          return tag.public_send(name, class: attributes[:class], &block) if @workflow_shown&.any? { |shown| workflow_same?(shown, run) }
          first = (@workflow_streams ||= Set.new).add?(run.id).present?
          own_id = workflow_own_id(id, run)
          content = workflow_showing(run, &block)
          data = { workflow_src: src, workflow_base: (id unless own_id == id) }.compact
          Region.new(self, run, refresh: refresh, first: first).render(name, content, wrap: wrap, data: data, **attributes, id: own_id)
        end

        # What has not started has no id.
        def workflow_same?(run, other)
          return run.id == other.id if run.id || other.id
          run.name == other.name && run.subject == other.subject
        end

        # What another region of the page has already gets the run behind it, and a number.
        def workflow_own_id(id, run)
          taken = @workflow_ids ||= Set.new
          return id if taken.add?(id)
          more = [ id, run.id || "none" ].join("_")
          (1..).lazy.map { |number| number == 1 ? more : "#{more}_#{number}" }.find { |own| taken.add?(own) }
        end

        def workflow_showing(run)
          (@workflow_shown ||= []).push(run)
          capture { yield }
        ensure
          @workflow_shown.pop
        end

        def workflow_run(subject_or_run, word)
          subject_or_run.is_a?(Run) ? subject_or_run : Run.of(Subject.checked(word, subject_or_run))
        end

        # @return [Object, nil] nil: its record or its class is gone or on another shard, or what it remembers was encrypted with a key that is not known here, which
        #   is nothing against the page
        def workflow_subject(run)
          run.subject
        rescue *Subject::LOST
          nil
        end

        def workflow_locals(run)
          subject = workflow_subject(run)
          subject ? workflow_models(subject).to_h { |klass| [ workflow_name(klass).to_sym, subject ] }.merge(workflow: run) : { workflow: run }
        end

        # The subject's class, and those that it is a kind of in one table: what there is for them is for it.
        def workflow_models(subject)
          klass = subject.class
          Subject.record?(klass) ? klass.ancestors.grep(Class).take_while { |one| one <= klass.base_class } : [ klass ]
        end

        def workflow_name(klass) = klass.respond_to?(:model_name) ? klass.model_name.element : klass.name.demodulize.underscore
        def workflow_folders(subject) = workflow_models(subject).map { |klass| "#{klass.respond_to?(:model_name) ? klass.model_name.collection : klass.name.underscore.pluralize}/workflow" }

        # The first of these names in the first of the subject's folders that has one.
        def workflow_partial_of(subject, names)
          workflow_folders(subject).each do |folder|
            name = names.find { |candidate| lookup_context.exists?(candidate, [ folder ], true) }
            return "#{folder}/#{name}" if name
          end
          nil
        end

        # workflow_signup_1, workflow_order_5_fulfilment, workflow_order_5_fulfilment_steps, workflow_admin_signup_1
        def workflow_dom_id(run, suffix = nil)
          subject = workflow_subject(run) or return [ "workflow_run", run.id, suffix ].compact.join("_")
          id = subject.respond_to?(:to_key) ? subject.to_key&.join("_") : run.id
          name = run.name.to_s.delete_prefix(".") unless run.name == :workflow
          klass = workflow_models(subject).last
          [ "workflow", klass.respond_to?(:model_name) ? klass.model_name.param_key : klass.name.underscore.tr("/", "_"), id || "new", name, suffix ].compact.join("_")
        end

        def workflow_partial(run)
          subject = workflow_subject(run)
          (workflow_partial_of(subject, workflow_partial_names(run)) if subject) || "workflow/#{run.state}"
        end

        def workflow_partial_names(run)
          awaits = OPEN.include?(run.state) ? run.steps.select(&:waiting?).map { |step| "waiting_for_#{step.name}" } : []
          step = workflow_shown_step(run)
          moving = [ *("#{run.state}_#{step.name}" if step) ]
          [ *(run.waiting? ? awaits + moving : moving + awaits), run.state.to_s ]
        end

        def workflow_bar(run)
          step = workflow_shown_step(run)
          percent = run.done? ? 100 : step&.progress&.percent
          text = step&.progress&.to_s.presence || workflow_state_text(run)
          safe_join([ (tag.progress(max: 100, value: percent, "aria-label": text) unless run.failed? || run.none?), tag.span(text) ].compact, " ")
        end

        # What an exception says and who ran the step (a host, a process) is nothing for visitors.
        def workflow_step_tag(step, details)
          text = [ workflow_step_state_text(step), *([ step.error&.to_s || step.reason, step.by ] if details) ]
          tag.li(class: "workflow-step #{step.state}", data: { step: step.name, state: step.state }) do
            safe_join([ tag.strong(workflow_step_text(step).upcase_first), tag.span(text.compact.join(" · ")) ], " ")
          end
        end
    end
  end
end
