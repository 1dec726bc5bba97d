# frozen_string_literal: true

module Workflow
  # A part of a page that follows a run: one element with an id, stamped with the version that it shows. The first one of a run
  # in a view brings what makes it live: the stream, the script, and a refresh for browsers without scripting. Made by {Helper}.
  class Region
    # Seconds between two looks of a browser without scripting.
    MOVING_S, WAITING_S, LONGEST_S = 2, 10, 30
    MOVING = %i[running undoing].freeze
    TYPED = /<(?:textarea|select)\b|<input\b(?![^>]*\btype="?(?:hidden|submit|button|image|reset)\b)/i
    TEXTS = { notice: "There is something new here. What you typed has been kept.", show: "Show what is new" }.freeze

    class << self
      # A request, or whatever else the application's executor wraps, has begun.
      # @api private
      def begin = ActiveSupport::IsolatedExecutionState[:workflow_since] = Time.now.floor(3)

      # @return [Time, nil]
      # @api private
      def since = ActiveSupport::IsolatedExecutionState[:workflow_since]

      # @api private
      def end = ActiveSupport::IsolatedExecutionState.delete(:workflow_since)
    end

    # @param view [ActionView::Base]
    # @param run [Run]
    # @param refresh [Numeric, false, nil] seconds; false: never; nil: by the state
    # @param first [Boolean] whether the view has had none of this run yet
    def initialize(view, run, refresh: nil, first: true)
      @view, @run, @refresh, @first = view, run, refresh, first
    end

    # @param name [Symbol] of the element
    # @param wrap [Symbol, nil] an element for what makes it live, where `name` may not have that as a child
    # @param data [Hash] more of its data attributes
    # @param attributes [Hash] of the element, with its id
    # @param content [ActiveSupport::SafeBuffer, nil]
    # @return [ActiveSupport::SafeBuffer]
    def render(name, content, wrap: nil, data: {}, **attributes)
      head = @view.safe_join([ stream, noscript(content), script ].compact, "\n")
      head = @view.content_tag(wrap, head, hidden: true) if wrap && head.present?
      @view.content_tag(name, @view.safe_join([ head, content ], "\n"), attributes.merge(data: stamp.merge(data)))
    end

    private
      def stamp
        { workflow_run: @run.id.to_s, version: @run.version, workflow_mark: mark, state: @run.state, workflow_again: (true if again?), workflow_at: (request&.path unless answer?),
          workflow_answer: (true if answer?), **texts }
      end

      def mark = (Event.find(@run.id, @run.version)&.mark if @run.id)

      # The application's records were loaded before the run was read. Where a step has begun or ended in between, they may be
      # as they were before it, under the version of after it: the page is to look once more.
      def again?
        since = Region.since or return false
        @run.steps.any? { |step| [ step.started_at, step.ended_at ].compact.any? { |time| time >= since } }
      end

      # To what was sent: who asks for the address of such a page again, may be told anything.
      def answer? = !request.nil? && !request.get? && !request.head?

      def request = (@view.request if @view.respond_to?(:request))

      def texts
        TEXTS.to_h { |name, text| [ :"workflow_#{name}", @view.t("workflow.live.#{name}", default: text) ] }
      end

      def stream
        return unless @first && @run.id
        @view.content_tag(:"turbo-cable-stream-source", "", channel: "Workflow::StreamChannel",
          "signed-stream-name": StreamName.sign(@run, StreamName.viewer(@view.controller)), data: { version: @run.version })
      end

      def script
        source = LiveScript.address(@view) if @first
        @view.content_tag(:script, "", type: "module", src: source, nonce: nonce) if source
      end

      def nonce = (@view.content_security_policy_nonce if @view.respond_to?(:content_security_policy_nonce))

      def noscript(content)
        seconds = seconds_to_refresh(content)
        @view.content_tag(:noscript, @view.tag.meta("http-equiv": "refresh", content: seconds)) if seconds
      end

      # What somebody types is not to be lost to a refresh.
      def seconds_to_refresh(content)
        return @refresh || nil unless @refresh.nil?
        return if !@first || @run.id.nil? || @run.ended? || answer? || content.to_s.match?(TYPED)
        return MOVING_S if MOVING.include?(@run.state)
        %i[retrying scheduled].include?(@run.state) ? seconds_until_due : WAITING_S
      end

      def seconds_until_due
        due_at = @run.steps.filter_map { |step| step.due_at if step.retrying? || step.pending? || step.ready? }.min
        due_at ? (due_at - Time.now).ceil.clamp(MOVING_S, LONGEST_S) : MOVING_S
      end
  end
end
