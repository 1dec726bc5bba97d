# frozen_string_literal: true

module Workflow
  # Keeps a page true: follows the run's events in the log from the version that the page rendered, and tells the
  # browser to refresh when there is a newer one. It listens first and compares then, so that nothing is lost in
  # between; each process follows the log by itself, so that any cable adapter will do.
  class StreamChannel < ::ActionCable::Channel::Base
    REFRESH = %(<turbo-stream action="refresh"></turbo-stream>)

    def subscribed
      run_id = StreamName.verify(params[:signed_stream_name]) or return reject
      @lock = Mutex.new
      @version = params[:version].to_i
      @listener = Workflow.follower.listen(run_id) { |event| newer(event.version) }
      newer(Workflow.engine.find(run_id)&.fetch(:version) || 0)
    end

    def unsubscribed
      Workflow.follower.forget(@listener)
    end

    private
      # One refresh for all versions that come in before it is sent.
      def newer(version)
        @lock.synchronize do
          return unless version > @version
          @version = version
          return if @pending
          @pending = true
        end
        ::ActionCable.server.event_loop.post { refresh }
      end

      def refresh
        @lock.synchronize { @pending = false }
        transmit(REFRESH)
      end
  end
end
