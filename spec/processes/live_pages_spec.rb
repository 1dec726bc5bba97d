# frozen_string_literal: true

require "spec_helper"
require_relative "live_pages/storm"
require_relative "live_pages/web_site"

# Twenty pages in Chromium on two web and two worker processes, with cable `async`, whose sockets are cut, and that are hidden, frozen,
# left and come back at random, while runs go on: versions on a page only grow and end equal to the log's, and a state that is
# held until it is seen is seen within 5 s. In every second run sockets are cut seldom, so that streams carry the pages. LONG=1: 200 runs. Prints its
# seed; SEED=1234 repeats what is done, not when it happens.
RSpec.describe "Live pages in a storm" do
  runs = Integer(ENV.fetch("RUNS") { ENV["LONG"] ? 200 : 20 })
  with_gap = 5

  let(:seed) { Integer(ENV.fetch("SEED") { RSpec.configuration.seed }) }

  around do |example|
    lacking = "Chromium is not here" unless Chromium.program
    raise lacking if lacking && ENV["CI"] == "true"
    skip lacking if lacking
    Dir.mktmpdir("workflow-live") do |folder|
      @folder = folder
      example.run
    ensure
      @browser&.quit
      @site&.stop
      Workflow.runtime.stop
      Replay.check(folder) unless example.exception
    end
  end

  def storm(environment = {}, seldom:)
    @site = LivePages::WebSite.new(@folder, environment).start
    Workflow.configure { |config| config.store = @site.store }
    @browser = Chromium.new
    LivePages::Storm.new(@site, @browser, seed, seldom: seldom)
  end

  # The watchdog hears it too.
  def say(text) = RSpec.configuration.reporter.message(text)

  it "shows what the log has, always newer and never older, and in time" do
    storm = self.storm(seldom: :odd?.to_proc)
    faults = (1..runs).flat_map do |number|
      say "run #{number} of #{runs}" if (number % 5).zero?
      storm.run.map { |fault| "run #{number}: #{fault}" }
    end
    puts "    seed #{seed}: #{runs} runs, #{storm.done.map { |what, times| "#{what} #{times}" }.join(", ")}"
    expect(faults).to eq([]), "seed #{seed}:\n#{faults.join("\n")}"
  end

  it "notices when what happened between a page's rendering and its subscription is not told" do
    storm = self.storm({ "REPLAY" => "off" }, seldom: ->(_) { true })
    faults = (1..with_gap).lazy.map { storm.run }.find(&:any?)
    expect(faults.to_a).to include(/never shown|shown after|the log of/), "seed #{seed}: nothing was noticed in #{with_gap} runs"
  end
end
