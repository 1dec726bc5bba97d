# frozen_string_literal: true

require "active_support/concern"

module Workflow
  # The two actions behind a link: `show`, which changes nothing, however often and by whomever it is opened (scanners,
  # prefetching browsers, HEAD), and `create`, which submits or has a new link sent. In {LinksController}; or in a
  # controller of the application's own, with the route `resource :workflow_link, only: %i[show create]`.
  #
  # The token is the proof, so there is neither session nor CSRF token: it works in any browser. A POST that a browser
  # says comes from another site is shown the button instead. Whatever is not signed by us is one and the same 404.
  module LinkPages
    extend ActiveSupport::Concern

    STATUS = { open: :ok, used: :ok, soon: :ok, expired: :gone, closed: :gone, unknown: :not_found }.freeze
    # Of what was sent and not accepted. None is 200, which Turbo does not show.
    REFUSED = { open: :unprocessable_entity, soon: :conflict, expired: :gone, closed: :gone, unknown: :not_found }.freeze

    # Other actions of an application's controller stay as they are.
    ACTIONS = %i[show create].freeze
    PARAMETERS = %w[query_parameters request_parameters].freeze
    # What Rack and Rails raise of what is no request, as far as these have it.
    UNREADABLE = %w[
      ActionController::BadRequest ActionDispatch::Http::Parameters::ParseError Mime::Type::InvalidMimeType EOFError Rack::BadRequest
      Rack::Multipart::MultipartPartLimitError Rack::Multipart::MultipartTotalPartLimitError
    ].filter_map { |name| Object.const_get(name) if Object.const_defined?(name) }.freeze
    private_constant :ACTIONS, :PARAMETERS, :UNREADABLE

    included do
      skip_forgery_protection(only: ACTIONS) if respond_to?(:skip_forgery_protection)
      ACTIONS.each { |action| skip_parameter_encoding action } # bytes that are no text are an unknown token, not an error
      before_action :keep_workflow_link_private, :find_workflow_link, only: ACTIONS
      helper LinkHelper
    end

    class_methods do
      private
        def local_prefixes = super + [ "workflow/links" ]
    end

    # The page to confirm on, or what there is to say instead.
    # @return [void]
    def show = render_workflow_link(STATUS)

    # Submits the input, or has a new link sent.
    # @return [void]
    def create
      return render_workflow_link(STATUS, status: :forbidden) if @link && from_another_site? && (@link.open? || params[:renew])
      return renew_workflow_link if params[:renew]
      @submission = @link.submit(workflow_link_input) if @link&.open?
      return workflow_link_accepted(@link) if @submission&.accepted?
      @link&.used? ? redirect_to(workflow_link_itself, status: :see_other) : render_workflow_link(REFUSED)
    end

    private
      # As text, whatever it is: `skip_parameter_encoding` has left bytes.
      def process_action(*)
        PARAMETERS.each { |name| request.set_header("action_dispatch.request.#{name}", readable(name)) }
        request.delete_header("action_dispatch.request.parameters") # the two together, of before
        readable_type("content_type", Mime[:url_encoded_form], &:content_mime_type)
        readable_type("formats", [ Mime[:html] ], &:formats)
        super
      end

      # What cannot even be read as a request is an unknown token too.
      def readable(name)
        as_text(request.public_send(name)).with_indifferent_access
      rescue *UNREADABLE
        {}.with_indifferent_access
      end

      # What kind of page is wanted, and of what kind is what was sent: where that is nonsense, as if nothing was said.
      def readable_type(name, otherwise)
        yield request
      rescue Mime::Type::InvalidMimeType
        request.set_header("action_dispatch.request.#{name}", otherwise)
      end

      # Names are looked through by Rails' filters, and so made valid; values are judged by the fields.
      def as_text(value)
        case value
        when String then value.dup.force_encoding(Encoding::UTF_8)
        when Array then value.map { |one| as_text(one) }
        when Hash then value.to_h { |name, one| [ as_text(name).scrub, as_text(one) ] }
        else value
        end
      end

      # Where the person goes on. For applications to replace.
      # @param link [Link]
      def workflow_link_accepted(link)
        redirect_to link.path || workflow_link_itself, status: :see_other
      end

      # To be looked at: what was sent before is told kindly there.
      def workflow_link_itself(**more) = url_for(action: :show, only_path: true, workflow_token: params[:workflow_token], **more)

      def find_workflow_link
        @link = Link.find(params[:workflow_token])
      end

      # The address is a secret: it is not to be kept, indexed, or told to other sites. Not "no-referrer", with which browsers
      # send forms without saying where they are from.
      def keep_workflow_link_private
        response.headers["Cache-Control"] = "no-store"
        response.headers["Referrer-Policy"] = "same-origin"
        response.headers["X-Robots-Tag"] = "noindex, nofollow"
      end

      def from_another_site? = request.headers["Sec-Fetch-Site"] == "cross-site"

      # Of the fields alone, as they came: they are cast and checked as any input.
      def workflow_link_input
        given = params[:input]
        names = @link.fields&.names&.map(&:to_s) || []
        given.respond_to?(:to_unsafe_h) ? given.to_unsafe_h.slice(*names) : {}
      end

      def renew_workflow_link
        return render_workflow_link(REFUSED) unless @link&.renewable?
        sent = @link.renew
        render_workflow_link({}, state: sent ? :sent : :waited, status: sent ? :accepted : :too_many_requests)
      end

      def render_workflow_link(statuses, state: @link ? @link.state : :unknown, status: nil)
        @state = state
        render "workflow/links/show", formats: :html, status: status || statuses.fetch(state, :ok)
      end
  end
end
