# frozen_string_literal: true

require_relative "rails_application"

RSpec.describe "Workflow::StreamChannel" do
  include RailsApplication

  # Subscribes to a stream as ActionCable does, with a connection that prints what is sent.
  CHANNEL = <<~'RUBY'
    class Page
      attr_reader :sent
      def initialize = @sent = Queue.new
      def identifiers = []
      def transmit(data) = @sent << (data[:type] || data[:message])
      def logger = Logger.new(nil)
      def subscriptions = self
      def remove_subscription(*) = nil
      def subscribe(run, version, name: Workflow::StreamName.sign(run))
        @channel = Workflow::StreamChannel.new(self, "id", { signed_stream_name: name, version: version }.with_indifferent_access)
        @channel.subscribe_to_channel
        self
      end
      def leave = @channel.unsubscribe_from_channel
    end
    signup = Signup.start(email: "a@b.c")
    run = signup.workflow
    refresh = %(<turbo-stream action="refresh"></turbo-stream>)
  RUBY

  def in_channel(code) = application && in_application(CHANNEL + code)

  it "refreshes the page at every newer event, once for those that come together" do
    said = in_channel(<<~'RUBY')
      page = Page.new.subscribe(run, run.version)
      puts page.sent.pop
      signup.now(:send_link)
      puts page.sent.pop
      other = Page.new.subscribe(run.reload, run.version)
      other.sent.pop
      signup.submit(:activate, code: 2)
      puts page.sent.pop == refresh, other.sent.pop == refresh
      puts page.sent.size < 4, other.sent.empty?
    RUBY

    expect(said).to eq %(confirm_subscription\n<turbo-stream action="refresh"></turbo-stream>\ntrue\ntrue\ntrue\ntrue\n)
  end

  it "loses nothing that happened between the rendering and the subscription" do
    said = in_channel(<<~'RUBY')
      signup.now(:send_link)
      page = Page.new.subscribe(run, run.version)
      puts [ page.sent.pop, page.sent.pop ].include?(refresh)
    RUBY

    expect(said).to eq "true\n"
  end

  it "hears what another process does" do
    said = in_channel(<<~'RUBY')
      page = Page.new.subscribe(run, run.version)
      page.sent.pop
      pid = spawn(RbConfig.ruby, "-r./config/environment", "-e", "Workflow::Worker.new(threads: 1).start; sleep")
      puts page.sent.pop == refresh
      Process.kill("KILL", pid)
      Process.wait(pid)
    RUBY

    expect(said).to eq "true\n"
  end

  it "is silent after the page has left, and refuses names that it has not signed" do
    said = in_channel(<<~'RUBY')
      page = Page.new.subscribe(run, run.version)
      page.sent.pop
      page.leave
      other = Page.new.subscribe(run, run.version)
      signup.now(:send_link)
      2.times { other.sent.pop }
      puts page.sent.empty?
      puts Page.new.subscribe(run, 0, name: "forged").sent.pop
      puts Page.new.subscribe(run, 0, name: nil).sent.pop
    RUBY

    expect(said).to eq "true\nreject_subscription\nreject_subscription\n"
  end
end
