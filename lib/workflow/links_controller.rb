# frozen_string_literal: true

module Workflow
  # The page behind `workflow_url_for`, as it is without a line in the application: of its own layout, without scripts,
  # sessions or the application's filters. `layouts/workflow/link` and the partials can be replaced by files of the
  # application's of the same names; {LinkPages} is for a controller of its own.
  class LinksController < ::ActionController::Base
    include LinkPages

    layout "workflow/link"
    around_action :speak_workflow_locale, :keep_workflow_zone

    private
      # Whoever opens it has no session here: the address says the locale, else the run does, as for its mails.
      def speak_workflow_locale(&block)
        ::I18n.with_locale(asked_locale || available_locale(@link&.locale) || ::I18n.default_locale, &block)
      end

      # So a time that is typed without its zone is where the run was started, not where the server is.
      def keep_workflow_zone(&block)
        zone = @link&.zone
        ::Time.use_zone((::Time.find_zone(zone) if zone) || ::Time.zone_default, &block)
      end

      def workflow_link_itself = super(**{ locale: asked_locale }.compact)

      def asked_locale = available_locale(params[:locale])

      # What anybody has put there is looked up, and made no symbol unless it is known.
      def available_locale(name) = (name.to_sym if name.is_a?(String) && ::I18n.locale_available?(name))
  end
end
