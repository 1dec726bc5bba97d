# frozen_string_literal: true

module Workflow
  # The page behind `workflow_url_for`, as it is without a line in the application: of its own layout, without scripts,
  # sessions or the application's filters. `layouts/workflow/link` and the partials can be replaced by files of the
  # application's of the same names; {LinkPages} is for a controller of its own.
  class LinksController < ::ActionController::Base
    include LinkPages

    layout "workflow/link"
  end
end
