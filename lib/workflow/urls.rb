# frozen_string_literal: true

module Workflow
  # The addresses of awaits with `by: :link`, and the codes of those with `by: :code`, in mailers, controllers and views.
  module Urls
    # The address of the page on which a person confirms. Opening it changes nothing; its button submits, once.
    # @param subject_or_run [Object, Run]
    # @param await [Symbol] one that says `by: :link`; it need not be open yet
    # @param expires_in [Numeric, nil] seconds; nil: as long as the await is open, or 30 days where it has no `expires_in:`
    # @param to [String, nil] an address of the application's, where the person goes on afterwards; of another site only
    #   its path is taken
    # @param options [Hash] of an address: `host:`, `locale:`
    # @return [String]
    # @raise [DefinitionError] of an await that has no `by: :link`
    # @raise [NotWaiting] when nothing has started
    # @raise [ArgumentError, URI::InvalidURIError] of an `expires_in:` that is no time, a `to:` that is no address
    # @example
    #   workflow_url_for(@signup, :activate, to: signup_url(@signup))
    def workflow_url_for(subject_or_run, await, expires_in: nil, to: nil, **options)
      routes = respond_to?(:main_app) ? main_app : self
      routes.workflow_link_url(workflow_token: workflow_token_for(subject_or_run, await, expires_in: expires_in, to: to), **options)
    end

    # What such an address carries, for a page of the application's own; {Declaring#find_by_workflow_token} reads it.
    # @param subject_or_run [Object, Run]
    # @param await [Symbol]
    # @param expires_in [Numeric, nil] seconds
    # @param to [String, nil]
    # @return [String] of letters, digits, - and _
    # @raise [DefinitionError, NotWaiting] as {#workflow_url_for}
    # @example
    #   activation_url(workflow_token: workflow_token_for(@signup, :activate))
    def workflow_token_for(subject_or_run, await, expires_in: nil, to: nil)
      Link.make(subject_or_run, await, expires_in: expires_in, to: to)
    end

    # The six digits of an await with `by: :code`; elsewhere than in mailers, controllers and views {Code.make}.
    # @param subject_or_run [Object, Run]
    # @param await [Symbol]
    # @return [String]
    # @raise [DefinitionError] of an await that has no `by: :code`
    # @raise [NotWaiting] when nothing has started
    # @example
    #   workflow_code_for(@signup, :activate)  # => "040127"
    def workflow_code_for(subject_or_run, await) = Code.make(subject_or_run, await)
  end
end
