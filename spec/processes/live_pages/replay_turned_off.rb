# frozen_string_literal: true

# The planted gap, loaded by the site's processes when REPLAY=off: whoever subscribes hears what happens from then on, and nothing
# of what happened since the page was rendered, however late the log's follower comes to it. live_pages_spec.rb must notice.
module ReplayTurnedOff
  module Channel
    private
      def follow(name)
        Thread.current[:subscribing] = true
        super
      ensure
        Thread.current[:subscribing] = false
      end
  end

  # The channel's word of the present version is not said, and what is not newer never is.
  module Pace
    def tell(version, *)
      @present = version if Thread.current[:subscribing]
      super if version > @present.to_i
    end
  end

  Workflow::StreamChannel.prepend Channel
  Workflow::StreamChannel::Pace.prepend Pace
end
