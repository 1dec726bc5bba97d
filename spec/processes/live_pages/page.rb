# frozen_string_literal: true

require "json"
require_relative "../../../bin/support/waiting"

module LivePages
  # A tab that shows a voyage, and all that it has ever shown, as the page itself has told. It is there (somebody looks at it) from
  # the moment that it was asked for, shown or thawed, until it is hidden, frozen or left.
  class Page
    include Waiting

    SCRIPT = File.read(File.expand_path("recorder.js", __dir__))
    LIMIT_S = 5.0
    # How long the news may take to reach us; what counts is the moment that the page tells.
    GRACE_S = 15
    LOAD_S = 60

    Showing = Struct.new(:load, :region, :run, :version, :at)

    attr_reader :shrunk

    # Nobody is at the page any more, for that reason: nobody waits for what it shows.
    def abandon(error) = @lock.synchronize { @abandoned = error and @told.broadcast }

    # @param calm [Boolean] whether visitors leave it alone
    def initialize(browser, site, name, calm:)
      @site, @name, @calm = site, name, calm
      @lock, @told = Mutex.new, ConditionVariable.new
      @shown, @shrunk = [], []
      @tab = browser.open_tab
      @tab.show
      @tab.record("recordLive", SCRIPT) { |text| hear(Showing.new(*JSON.parse(text).values_at("load", "region", "run", "version", "at"))) }
    end

    def calm? = @calm

    # Goes to a voyage's page. What it has shown of others is forgotten.
    # @param number [Integer] of the voyage
    # @param neighbour [Integer, nil] of another one that is on the page too
    def open(number, neighbour)
      leave { @lock.synchronize { @shown.clear } }
      @number = number
      come { @tab.visit(@site.url("/voyages/#{number}?neighbour=#{neighbour || number}")) }
      arrive
    end

    def region = "workflow_voyage_#{@number}"

    # The ways in which a page is not looked at for a while.
    def reload
      before = loaded_at
      away { come { @tab.reload } && wait_until("#{@name} is loaded anew", within: LOAD_S) { loaded_at&.!=(before) } }
    end

    def hide = away { @tab.hide && yield && come { @tab.show } }
    def freeze_page = away { @tab.freeze_page && yield && come { @tab.thaw_page } }

    # By Turbo, to the voyage's other page and back, or on; what it shows goes on being looked at meanwhile.
    def turn = away { come { @tab.evaluate("document.getElementById('turn').click()") } }

    # Not further than the voyage's own pages: a turn has left no trace in history if the page was not loaded yet.
    def back = @tab.previous.to_s.include?("/voyages/#{@number}") && away { come { @tab.evaluate("history.back()") } }

    # To a page of its own, with a load of the document, and back in history.
    def depart
      away do
        go_elsewhere
        yield
        back_from_elsewhere
      end
    end

    # Waits until the page has shown this version of the run, or a newer one.
    # @param committed [Float] when it came to be
    # @return [String, nil] what is wrong: that it took longer than it may
    def see(run, version, committed)
      @lock.synchronize do
        loop do
          raise @abandoned if @abandoned
          from = [ committed, @there_since ].max if @there_since
          seen = @shown.find { |showing| showing.run == run && showing.region == region && showing.version >= version }
          return (too_late(run, version, seen.at - from) if from && seen.at - from > LIMIT_S) if seen
          return too_late(run, version) if from && Time.now.to_f - from > LIMIT_S + GRACE_S
          @told.wait(@lock, 0.5)
        end
      end
    end

    # @return [Array<Array(String, String, Integer)>] region, run and version of all that it shows now
    def regions
      @tab.evaluate("[...document.querySelectorAll('[data-workflow-run]')].map(it => [it.id, it.dataset.workflowRun, Number(it.dataset.version)])").to_a
    end

    # @return [String] what it is like, for whoever looks for a fault
    def inspect
      state = @tab.evaluate("JSON.stringify({ url: location.href, page: document.body?.dataset.path, loading: document.readyState, hidden: document.hidden, live: window.workflowLive?.(), " \
        "sources: [...document.querySelectorAll('turbo-cable-stream-source')].map(it => it.hasAttribute('connected')) })")
      "#{@name} #{state}"
    end

    private
      def hear(showing)
        @lock.synchronize do
          before = @shown.reverse.find { |other| [ other.load, other.region, other.run ] == [ showing.load, showing.region, showing.run ] }
          @shrunk << "#{@name}: #{showing.region} went from version #{before.version} back to #{showing.version}" if before && before.version > showing.version
          @shown << showing
          @told.broadcast
        end
      end

      def leave
        @lock.synchronize { @there_since = nil }
        yield
      end

      # Does what brings the page back; it is there from when that was asked for.
      def come
        @coming = Time.now.to_f
        yield
      end

      def arrive
        wait_until("#{@name} shows #{region}", within: LOAD_S) { ready? }
        @lock.synchronize { @there_since = @coming }
        true
      rescue TimedOut => error
        raise TimedOut, "#{error.message} It is #{inspect}"
      end

      def away
        leave { yield }
        arrive
      end

      # Where the page itself, or history, was under way at that moment, it may come out on top: then the address is typed once more.
      def go_elsewhere
        document = nil
        wait_until("#{@name} is elsewhere", within: LOAD_S) do
          next true if @tab.evaluate("location.pathname") == "/elsewhere"
          now = loaded_at
          document = now if now && now != document && @tab.visit(@site.url("/elsewhere"))["errorText"].nil?
          false
        end
      end

      def back_from_elsewhere
        come { @tab.evaluate("history.back()") }
        wait_until("#{@name} is back", within: LOAD_S) { @tab.evaluate("location.pathname").to_s.start_with?("/voyages") }
      end

      def ready?
        @tab.evaluate("document.readyState === 'complete' && !document.documentElement.hasAttribute('data-turbo-preview') && " \
          "document.body.dataset.path === location.pathname && document.getElementById('#{region}') !== null")
      end

      # nil while one document gives way to another.
      def loaded_at = @tab.evaluate("performance.timeOrigin")

      def too_late(run, version, seconds = nil)
        shown = @shown.select { |showing| showing.run == run && showing.region == region }.map(&:version).last(5).join(", ")
        "#{@name}: version #{version} of #{run} was #{seconds ? "shown after #{seconds.round(2)} s" : "never shown"}; shown were #{shown}"
      end
  end
end
