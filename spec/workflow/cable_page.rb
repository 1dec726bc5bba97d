# frozen_string_literal: true

# Code for an application's process: connections that subscribe as Action Cable does, and keep what is sent to them.
module CablePage
  CODE = <<~'RUBY'
    class Page
      attr_reader :sent, :current_user
      def initialize(current_user = nil)
        @sent, @current_user, @channels, @lock = Queue.new, current_user, [], Mutex.new
      end
      def identifiers = []
      def transmit(data) = @sent << (data[:type] || told(data[:message]))
      def logger = @logger ||= Logger.new(@log = StringIO.new)
      def log = logger && @log.string
      def subscriptions = self
      def remove_subscription(channel) = channel.unsubscribe_from_channel
      def subscribe(name, version = 0, **params)
        params = { signed_stream_name: name, version: version, **params }
        @channels << (channel = Workflow::StreamChannel.new(self, params.to_json, params.with_indifferent_access))
        channel.subscribe_to_channel
        self
      end
      def perform(data) = @channels.each { |channel| channel.perform_action(data) }
      def leave = @channels.each(&:unsubscribe_from_channel).clear
      def leave_one = @channels.shift.unsubscribe_from_channel
      # Everything up to this.
      def heard_until(last) = [].tap { |heard| Timeout.timeout(30) { heard << @sent.pop until heard.last == last } }
      def told(text)
        text[%r{\A<turbo-stream action="workflow" data-run="(\w+)" data-version="(\d+)"(?: data-mark="\w+"| data-reset="(\w+)")></turbo-stream>\z}] or raise "not a message: #{text}"
        [ $2.to_i, $3 ].compact.then { |said| said.size == 1 ? said.first : said }
      end
    end
    # A connection whose commands Action Cable's threads do at the same time, as it is when a page is shown before it is fetched anew.
    class Hurried < Page
      def initialize(pool)
        super()
        @pool, @subscriptions = pool, ActionCable::Connection::Subscriptions.new(self)
      end
      attr_reader :subscriptions
      def rescue_with_handler(_) = nil
      def order(*commands, name)
        identifier = { channel: "Workflow::StreamChannel", signed_stream_name: name }.to_json
        left = Concurrent::CountDownLatch.new(commands.size)
        commands.each { |command| @pool.post { subscriptions.execute_command("command" => command, "identifier" => identifier); left.count_down } }
        left.wait
        self
      end
      # Whether the page takes itself for subscribed.
      def connected? = Array.new(sent.size) { sent.pop }.grep_v(Integer).last == "confirm_subscription"
    end
    def name_of(run, viewer = nil) = Workflow::StreamName.sign(run, viewer)
    # As signed, with an end of our own.
    def name_until(run, time, viewer = nil) = Rails.application.message_verifier("workflow").generate([ run.id, viewer, time.to_i ], purpose: :stream)
    def listening = Workflow.follower.instance_variable_get(:@listeners).values.flatten.size
    signup = Signup.start(email: "a@b.c")
    run = signup.workflow
  RUBY
end
