# frozen_string_literal: true

require_relative "rails_application"
require_relative "cable_page"

RSpec.describe "Workflow::StreamChannel" do
  include RailsApplication

  def in_channel(code, files: {}, **environment) = application(**files) && in_application(CablePage::CODE + code, **environment)

  it "says which version the run is at, always when a page subscribes, and then whenever there is a newer one" do
    said = in_channel(<<~'RUBY')
      page = Page.new.subscribe(name_of(run), run.version)
      puts page.heard_until(5).inspect
      signup.now(:send_link)
      puts page.heard_until(8).inspect
      signup.submit(:activate)
      puts page.heard_until(signup.workflow.version).last == signup.workflow.version
    RUBY

    expect(said.lines(chomp: true)).to match [ '["confirm_subscription", 5]', /\A\[(6, |7, )*8\]\z/, "true" ]
  end

  it "loses nothing that happened between the rendering and the subscription" do
    said = in_channel(<<~'RUBY')
      signup.now(:send_link)
      puts Page.new.subscribe(name_of(run), run.version).heard_until(8).inspect
    RUBY

    expect(said).to eq %(["confirm_subscription", 8]\n)
  end

  it "says nothing before the confirmation, however soon there is something to say" do
    said = in_channel(<<~'RUBY')
      ActionCable.server.define_singleton_method(:executor) { self }
      ActionCable.server.define_singleton_method(:post) { |&task| task.call }
      puts Page.new.subscribe(name_of(run), run.version).heard_until(5).inspect
      puts Page.new.subscribe(name_of(Workflow::Run.new(nil, id: "0000000000000"))).heard_until("reject_subscription").inspect
    RUBY

    expect(said).to eq %(["confirm_subscription", 5]\n[[0, "gone"], "reject_subscription"]\n)
  end

  it "does nothing that a page asks for: subscribing again under one identifier would leave listeners behind" do
    said = in_channel(<<~'RUBY')
      page = Page.new.subscribe(name_of(run), run.version)
      page.heard_until(run.version)
      [ *%w[subscribed subscribe_to_channel] * 3, *Workflow::StreamChannel.public_instance_methods ].each { |action| page.perform("action" => action.to_s) }
      puts listening, page.sent.size
      page.leave
      puts listening
    RUBY

    expect(said).to eq "1\n0\n0\n"
  end

  it "keeps nothing of a page that leaves, or whose connection closes, while it subscribes" do
    said = in_channel(<<~'RUBY', files: { "config/initializers/workflow.rb" => "Workflow.configure { |c| c.viewer = ->(who) { who.leave if who.current_user == :leaves; nil } }" })
      timers = -> { Concurrent.global_timer_set.instance_variable_get(:@queue).length }
      leaving = Page.new(:leaves).subscribe(name_of(run))
      closed = Page.new
      def closed.websocket = Struct.new(:alive?).new(false)
      closed.subscribe(name_of(run))
      puts listening, timers.call
      open = Page.new
      def open.websocket = Struct.new(:alive?).new(true)
      open.subscribe(name_of(run)).heard_until(run.version)
      puts listening
    RUBY

    expect(said).to eq "0\n0\n1\n"
  end

  # Action Cable keeps one of two channels that are subscribed under one name at the same time, and ends that one alone.
  it "keeps nothing of what Action Cable has forgotten, when the connection is closed or the run goes on" do
    said = in_channel(<<~'RUBY')
      timers = -> { Concurrent.global_timer_set.instance_variable_get(:@queue).length }
      closing, alone = Array.new(2) { Page.new.subscribe(name_of(run)) }
      closing.subscribe(name_of(run))
      [ closing, alone ].each { |page| def page.websocket = Struct.new(:alive?).new(false) }
      closing.leave_one
      puts listening
      signup.now(:send_link)
      Timeout.timeout(30) { sleep 0.01 until listening + timers.call == 0 }
    RUBY

    expect(said).to eq "1\n"
  end

  it "hears what another process does" do
    said = in_channel(<<~'RUBY')
      page = Page.new.subscribe(name_of(run), run.version)
      page.heard_until(run.version)
      pid = spawn(RbConfig.ruby, "-r./config/environment", "-e", "Workflow::Worker.new(threads: 1).start; sleep")
      puts page.heard_until(8).last
      Process.kill("KILL", pid)
      Process.wait(pid)
    RUBY

    expect(said).to eq "8\n"
  end

  it "says the first change at once, others a quarter of a second apart, and the last always" do
    said = in_channel(<<~'RUBY')
      at, said = [], Queue.new
      pace = Workflow::StreamChannel::Pace.new { |version| said << [ version, Process.clock_gettime(Process::CLOCK_MONOTONIC) ] }
      told = ->(version) { Timeout.timeout(30) { at << said.pop until at.last&.first == version } }
      pace.start
      pace.tell(1)
      told.(1)
      3.times { |round| 200.times { |n| pace.tell(2 + 200 * round + n) }; told.(201 + 200 * round) }
      pace.tell(7)
      puts at.first.first, at.size, at.map(&:first).each_cons(2).all? { |a, b| a < b }
      puts at.map(&:last).each_cons(2).all? { |a, b| b - a >= Workflow::StreamChannel::Pace::INTERVAL_S }
    RUBY

    first, size, growing, apart = said.lines(chomp: true)
    expect([ first, growing, apart ]).to eq %w[1 true true]
    expect(size.to_i).to be_between(4, 8) # the first, and at most two of each burst and its end
  end

  it "is silent after the page has left and was told so, and keeps nothing of it" do
    said = in_channel(<<~'RUBY')
      page = Page.new.subscribe(name_of(run), run.version)
      other = Page.new.subscribe(name_of(run), run.version)
      [ page, other ].each { |each| each.heard_until(run.version) }
      page.leave
      signup.now(:send_link)
      other.heard_until(8)
      puts page.sent.pop.inspect, page.sent.empty?, listening
      other.leave
      puts listening
    RUBY

    expect(said).to eq %([0, "left"]\ntrue\n1\n0\n)
  end

  it "tells a page that was made to leave while it subscribed so after the confirmation, which it would take for its own stream's" do
    said = in_channel(<<~'RUBY')
      Workflow::StreamChannel.after_subscribe { unsubscribe_from_channel }
      page = Page.new.subscribe(name_of(run), run.version)
      puts Array.new(page.sent.size) { page.sent.pop }.last(2).inspect, listening
    RUBY

    expect(said).to eq %(["confirm_subscription", [0, "left"]]\n0\n)
  end

  it "has a stream for each page that takes itself for subscribed, in whatever order its commands are done" do
    said = in_channel(<<~'RUBY')
      pool, deaf, connected = Concurrent::FixedThreadPool.new(4), 0, 0
      3_000.times do
        page = Hurried.new(pool).order("subscribe", "unsubscribe", "subscribe", name_of(run))
        next unless page.connected?
        connected += 1
        deaf += 1 if listening.zero?
      ensure
        Workflow.follower.instance_variable_get(:@listeners).clear
      end
      puts connected.positive?, deaf
    RUBY

    expect(said).to eq "true\n0\n"
  end

  it "refuses what it has not signed, whatever it is, without a word in the log" do
    said = in_channel(<<~'RUBY')
      good = name_of(run)
      body, _, digest = good.rpartition("--")
      verifier = Rails.application.message_verifier("workflow")
      forged = [ "#{body}--#{digest.succ}", "#{body.succ}--#{digest}", body, "--", "", "FORGED" * 100_000, good.upcase, "\xFF\xFE", "a\0b", verifier.generate(run.id, purpose: :stream),
        verifier.generate([ run.id, nil, 2**40 ]), verifier.generate([ run.id, nil, 2**40 ], purpose: :link), verifier.generate([ 1, nil, "x" ], purpose: :stream),
        Rails.application.message_verifier("workflow links").generate([ run.id, nil, 2**40 ], purpose: :stream),
        nil, 1, 1.5, true, [ good ], { "0" => good }, [ [] ] ]
      pages = forged.map { |name| Page.new.subscribe(name.is_a?(String) ? name.scrub("?") : name) }
      pages << Page.new.subscribe(good, junk: "x" * 5000)
      channel = Workflow::StreamChannel.new(raw = Page.new, "id", { signed_stream_name: "\xFF\xFE" }.with_indifferent_access)
      channel.subscribe_to_channel
      puts [ *pages, raw ].map { |page| page.sent.size.times.map { page.sent.pop } }.uniq.inspect, listening
      puts pages.any? { |page| page.log.match?(/FORGED|#{Regexp.escape(body)}/) }
    RUBY

    expect(said).to eq %([["reject_subscription"]]\n0\nfalse\n)
  end

  it "tells an expired page to look again, when it subscribes and while it listens, and is over then" do
    said = in_channel(<<~'RUBY')
      old = Page.new.subscribe(name_until(run, Time.now - 1))
      puts old.heard_until("reject_subscription").inspect
      page = Page.new.subscribe(name_until(run, Time.now + 2))
      puts page.heard_until("reject_subscription").inspect, listening
    RUBY

    expect(said).to eq %([[0, "expired"], "reject_subscription"]\n["confirm_subscription", 5, [5, "expired"], "reject_subscription"]\n0\n)
  end

  it "says so when the log has no such run" do
    said = in_channel(<<~'RUBY')
      page = Page.new.subscribe(name_of(Workflow::Run.new(nil, id: "0000000000000")))
      puts page.heard_until("reject_subscription").inspect, listening
    RUBY

    expect(said).to eq %([[0, "gone"], "reject_subscription"]\n0\n)
  end

  it "is for the viewer to whom the page was shown" do
    said = in_channel(<<~'RUBY', files: { "config/initializers/workflow.rb" => "Workflow.configure { |c| c.viewer = ->(who) { who.current_user } }" })
      ada, name = Page.new(1), name_of(run, Workflow::StreamName.viewer(Page.new(1)))
      puts ada.subscribe(name).heard_until(run.version).inspect
      puts [ Page.new(2).subscribe(name), Page.new.subscribe(name), Page.new(1).subscribe(name_of(run)) ].map { |page| page.sent.pop }.inspect
      puts Page.new.subscribe(name_of(run)).heard_until(run.version).inspect
      nobody = Page.new.tap { |page| page.singleton_class.undef_method(:current_user) }
      puts nobody.subscribe(name).sent.pop, listening
    RUBY

    expect(said).to eq <<~TEXT
      ["confirm_subscription", 5]
      ["reject_subscription", "reject_subscription", "reject_subscription"]
      ["confirm_subscription", 5]
      reject_subscription
      2
    TEXT
  end

  it "gives a connection so many streams and no more; others are unharmed, and what it left it can have again" do
    said = in_channel(<<~'RUBY', files: { "config/initializers/workflow.rb" => "Workflow.configure { |c| c.streams_per_connection = 10 }" })
      greedy, modest = Page.new, Page.new
      1000.times { |n| greedy.subscribe(name_of(run), n) }
      GC.start
      10.times { |n| greedy.subscribe(name_of(run), 2000 + n) }
      modest.subscribe(name_of(run))
      puts modest.heard_until(run.version).inspect, listening
      signup.now(:send_link)
      puts modest.heard_until(8).last
      greedy.leave
      puts listening
      greedy.sent.clear
      puts greedy.subscribe(name_of(run)).heard_until(8).inspect
    RUBY

    expect(said).to eq %(["confirm_subscription", 5]\n11\n8\n1\n["confirm_subscription", 8]\n)
  end

  it "has the same name for an hour, and another one for another run, viewer or hour; the hour begins for each when it will" do
    said = in_channel(<<~'RUBY')
      require "active_support/testing/time_helpers"
      include ActiveSupport::Testing::TimeHelpers
      now = Time.utc(2027, 1, 1, 12)
      at = ->(time, viewer = nil, of = run) { travel_to(time) { Workflow::StreamName.sign(of, viewer) } }
      ends = ->(*of) { Workflow::StreamName.read(at.(*of)).expires_at }
      hour = Time.at(ends.(now) - 86_400 - 3599)
      puts hour.between?(now - 3599, now), at.(hour) == at.(hour + 3599), at.(hour) == at.(hour - 1), at.(hour) == at.(hour + 3600)
      puts at.(hour) == at.(hour, "7"), at.(hour) == at.(hour, nil, Signup.start(email: "b@b.c").workflow)
      puts (0...100).map { |viewer| ends.(now, viewer.to_s) - (now + 86_400).to_i }.then { |times| [ times.uniq.size > 90, times.min.between?(0, 599), times.max.between?(3000, 3599) ] }
    RUBY

    expect(said).to eq "true\ntrue\nfalse\nfalse\nfalse\nfalse\ntrue\ntrue\ntrue\n"
  end
end
