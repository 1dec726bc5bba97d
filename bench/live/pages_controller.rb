# frozen_string_literal: true

module Bench
  module Live
    # The page. Turbo's script is in the public folder.
    class PagesController < ActionController::Base
      PART = CABLE == "workflow" ? "<%= workflow_for(Bench::Live::Ticker.new) { |run| Bench::Live.html(run.step(:tick).progress&.done.to_i).html_safe } %>" :
        "<%= turbo_stream_from Bench::Live::STREAM %><%= Bench::Live.html(Bench::Live.number).html_safe %>"
      PAGE = %(<!DOCTYPE html><html><head><title>Ticker</title><link rel="icon" href="data:,"><%= action_cable_meta_tag %><script type="module" src="/turbo.js"></script></head>) +
        "<body>#{PART}</body></html>"

      def show = render(inline: PAGE)
    end
  end
end
