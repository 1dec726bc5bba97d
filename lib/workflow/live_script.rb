# frozen_string_literal: true

require "digest"

module Workflow
  # The browser's part of live pages (live.js), served by the gem itself: no asset pipeline is needed. A Rack application; its
  # address has the digest of what is served, so that browsers keep it for ever.
  module LiveScript
    FILE = File.expand_path("live.js", __dir__)
    SOURCE = File.binread(FILE).freeze
    DIGEST = Digest::SHA256.hexdigest(SOURCE)[0, 16].freeze
    HEADERS = { "content-type" => "text/javascript; charset=utf-8", "etag" => %("#{DIGEST}"), "x-content-type-options" => "nosniff" }.freeze
    FOR_EVER = "public, max-age=31536000, immutable"

    class << self
      # @param view [ActionView::Base]
      # @return [String, nil] where a page finds it; nil: the application brings it, or there is no route
      def address(view)
        return unless Workflow.configuration.live_script && Workflow.configuration.live_path
        routes = view.respond_to?(:main_app) ? view.main_app : ::Rails.application.routes.url_helpers
        routes.workflow_live_path(digest: DIGEST)
      end

      # During a deploy pages ask for the script of another version: they get the present one, and do not keep it.
      # @return [Array] as Rack takes it
      def call(env)
        digest = env.fetch("action_dispatch.request.path_parameters", {})[:digest]
        headers = HEADERS.merge("cache-control" => digest == DIGEST ? FOR_EVER : "no-cache")
        return [ 304, headers.except("content-type"), [] ] if env["HTTP_IF_NONE_MATCH"].to_s.include?(HEADERS["etag"])
        head = env["REQUEST_METHOD"] == "HEAD"
        [ 200, headers.merge("content-length" => SOURCE.bytesize.to_s), head ? [] : [ SOURCE ] ]
      end
    end
  end
end
