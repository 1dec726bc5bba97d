# frozen_string_literal: true

require_relative "stream_channel/pace"
require_relative "stream_channel/quota"

module Workflow
  # Tells a page which version its run is at: at once when it subscribes, whatever it has shown, and then whenever there is a
  # newer one. It listens first and compares then, so that nothing is lost in between; each process follows the log by
  # itself, so that any cable adapter will do. It sends no HTML: pages ask for that themselves, as who they are.
  #
  # What was not signed here, or for somebody else, is rejected without a word; nothing that comes in raises.
  class StreamChannel < ::ActionCable::Channel::Base
    LEN_MAX = 4096

    # None: a page listens here and asks for nothing. (Action Cable would take every public method below for one, so that a
    # client could subscribe again and again under one identifier.)
    def self.action_methods = Set[]

    # The page is told that it has subscribed before it is told anything else, whatever happens meanwhile: that it has left is said
    # again, or it would take the confirmation for that of a stream that it has.
    def subscribe_to_channel
      super
      return @pace&.start unless left?
      @parted = false
      unsubscribed
    end

    def subscribed
      name = StreamName.read(params[:signed_stream_name]) if identifier.bytesize <= LEN_MAX
      return reject unless name && name.viewer == StreamName.viewer(connection) && room?
      @run_id = name.run_id
      name.expired? ? refuse("expired") : follow(name)
    rescue StandardError => error
      Report.error(error, handled: true, context: { run_id: name&.run_id })
      reject
    end

    # With the connection goes all that it had: Action Cable knows a channel by its name alone, and forgets one that was subscribed
    # twice at the same time.
    def unsubscribed
      release
      @quota&.rest&.each(&:release) if closed?
    end

    # @api private
    def release
      part if @expiry && !@parted
      @pace&.stop
      @expiry&.cancel
      Workflow.follower.forget(@listener)
      @quota&.give_back(self)
    end

    private
      # While it subscribed: Action Cable works with several threads, and what it did about that found nothing to undo yet.
      def left? = unsubscribed? || closed?
      def closed? = connection.respond_to?(:websocket, true) && connection.send(:websocket)&.alive? == false

      def room?
        @quota = Quota.of(connection)
        @quota.take(self)
      end

      def follow(name)
        @pace = Pace.new { |version, mark| left? ? unsubscribed : transmit(message(version, mark: mark)) }
        @listener = Workflow.follower.listen(@run_id) { |event| @pace.tell(event.version, event.mark) }
        version = present_version or return refuse("gone")
        @pace.tell(version, Event.find(@run_id, version)&.mark)
        @expiry = Concurrent::ScheduledTask.execute(name.remaining) { leave("expired") }
      end

      def present_version = Workflow.engine.find(@run_id)&.fetch(:version)

      # The page is to look again, with a name of its own if it gets one.
      def refuse(reason)
        transmit(message(0, reset: reason))
        reject
      end

      # A page that goes to another one unsubscribes and subscribes again, often under the same name, and Action Cable may do the
      # second before the first: the page has its confirmation then, and no stream. Told this, it knows; others do not hear it any more.
      def part
        @parted = true
        transmit(message(0, reset: "left"))
      rescue StandardError => error
        Report.error(error, handled: true, context: { run_id: @run_id })
      end

      # The last word, to a page that listens.
      def leave(reason)
        @parted = true
        @pace.stop
        transmit(message(present_version || 0, reset: reason))
        reject_subscription
      rescue StandardError => error
        Report.error(error, handled: true, context: { run_id: @run_id })
      end

      def message(version, mark: nil, reset: nil)
        more = { mark: mark, reset: reset }.compact.map { |name, value| %( data-#{name}="#{value}") }.join
        %(<turbo-stream action="workflow" data-run="#{@run_id}" data-version="#{version}"#{more}></turbo-stream>)
      end
  end
end
