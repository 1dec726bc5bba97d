# frozen_string_literal: true

require "digest"

module Workflow
  # What the page of a link says, and how it looks where the application says nothing of it.
  module LinkHelper
    # Each can be said otherwise, and in other languages, as `workflow.links.<name>` of the application's locales.
    TEXTS = {
      open_title: "Please confirm", open_text: "One click, and you are done.", open_button: "Confirm",
      used_title: "Confirmed", used_text: "This is done. There is nothing more for you to do.", used_button: "Go on",
      soon_title: "One moment", soon_text: "This cannot be confirmed just now. Please open the link again in a while.",
      expired_title: "This link has expired", expired_text: "It cannot be used any more.", expired_button: "Send me a new link",
      closed_title: "This link is no longer valid", closed_text: "What it was for has ended.",
      sent_title: "A new link is on its way", sent_text: "Please check your inbox in a moment.",
      waited_title: "Please wait a little", waited_text: "A new link was sent a moment ago, or too many were. Please check your inbox first.",
      unknown_title: "There is nothing here", unknown_text: "This link is not one of ours. Please check that it is complete."
    }.freeze

    STYLE = <<~CSS
      body { font: 1.1em/1.5 system-ui, sans-serif; max-width: 34em; margin: 3em auto; padding: 0 1em; color: #222; background: #fff; }
      input, select { font: inherit; padding: .4em; } label { display: block; }
      button, input[type=submit] { font: inherit; padding: .5em 1.2em; border: 0; border-radius: .3em; background: #1a56c4; color: #fff; cursor: pointer; }
      .errors { color: #a40000; }
    CSS

    # @param name [Symbol] of {TEXTS}
    # @return [String]
    def workflow_link_text(name) = t("workflow.links.#{name}", default: TEXTS.fetch(name))

    # The style of the page's own layout, which says itself that it has nothing else: no script, no other site's content.
    # @return [ActiveSupport::SafeBuffer]
    def workflow_link_style
      response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'sha256-#{Digest::SHA256.base64digest(STYLE)}'; " \
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
      tag.style(STYLE.html_safe)
    end

    # `signups/workflow/_activate_link_open` if there is one, else `workflow/links/_open`.
    # @return [String] a partial
    def workflow_link_partial(link, state)
      (workflow_partial_of(link.subject, [ "#{link.await}_link_#{state}" ]) if link&.subject && link.await) || "workflow/links/#{state}"
    end

    # @return [Hash] what that partial gets
    def workflow_link_locals(link, submission)
      return { link: nil, submission: nil, workflow: nil } unless link&.subject
      { link: link, submission: submission, **workflow_locals(link.run) }
    end

    # The token goes with the form, in its address.
    # @return [ActiveSupport::SafeBuffer]
    def workflow_link_form(link, submission, &block)
      workflow_form_for(link.run, link.await, submission: submission, input: params[:input], button: workflow_link_text(:open_button),
        authenticity_token: false, &block)
    end
  end
end
