# frozen_string_literal: true

# The planted gap, loaded by the site's processes when REPLAY=off: whoever subscribes hears what happens from then on, and nothing
# of what happened since the page was rendered. live_pages_spec.rb must notice.
module ReplayTurnedOff
  # The channel's word of the present version is not said: that of the log's follower, on its own thread, is.
  module Channel
    private
      def follow(name)
        Thread.current[:subscribing] = true
        super
      ensure
        Thread.current[:subscribing] = false
      end
  end

  module Pace
    def tell(*) = Thread.current[:subscribing] || super
  end

  Workflow::StreamChannel.prepend Channel
  Workflow::StreamChannel::Pace.prepend Pace
end
