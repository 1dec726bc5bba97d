# frozen_string_literal: true

require "fileutils"
require_relative "../../../bin/support/waiting"

module LivePages
  # Takes one voyage from its start to its end: gives the steps in the workers their orders, submits and retries in either web process,
  # and at random holds a state until all pages of the voyage have shown it. Now and then something happens after a page was
  # rendered and before it can subscribe.
  class Captain
    include Waiting

    PATIENCE_S = 60

    # @return [Array<String>] what pages did not show in time
    attr_reader :faults
    # @return [Integer] how many states were held until they were seen, and how often something happened before a subscription
    attr_reader :held, :between

    def initialize(number, site, random)
      @number, @site, @random, @faults, @held, @between = number, site, random, [], 0, 0
    end

    # @param pages [Array<Page>] those that show the voyage
    def sail(pages)
      plan.each do |word, parameters|
        wait_for("#{word} is due") { due?(word) }
        late = pages.find(&:calm?) if @random.rand < 0.2
        late ? slip_between(late) { perform(word, parameters) } : perform(word, parameters)
        hold(pages) if late || @random.rand < 0.4
        sleep(@random.rand(0.5))
      end
      wait_for("it is over") { run.done? }
      hold(pages)
    end

    def embark = post("embark")
    def run = Voyage.new(@number).workflow

    private
      def plan
        [ *tells, :go, *tells, *(%i[fail] if chance), *tells, :go, *([ [ :stamp, 2 ] ] if chance), [ :stamp, 1 ], *tells,
          *(%i[fail again] if chance), :go, *tells, :go ]
      end

      def tells = [ :tell ] * @random.rand(3)
      def chance = @random.rand < 0.5

      # One voyage at a time: who waits long for a subscription asks by itself.
      def slip_between(page)
        @between += 1
        @site.proxy.hold_websockets do
          page.reload
          yield
        end
      end

      # Done once the log has something new of it.
      def perform(word, seal)
        before = run.version
        case word
        when :stamp then post("stamp", seal: seal)
        when :again then post("again")
        else order(word)
        end
        wait_for("#{word} is in the log") { run.version > before }
      end

      def due?(word)
        case word
        when :stamp then run.waiting?
        when :again then run.failed?
        else !@site.order(@number).exist? && !run.waiting? && !run.failed?
        end
      end

      def order(word)
        written = "#{@site.order(@number)}.new"
        File.write(written, word.to_s)
        File.rename(written, @site.order(@number))
      end

      def post(path, **params) = @site.post("/voyages/#{@number}/#{path}", web: @random.rand(2), **params)

      # Once something is wrong there is nothing more to wait for.
      def hold(pages)
        return if @faults.any?
        @held += 1
        last = run.events.last
        pages.each { |page| @faults << page.see(last.run_id, last.version, last.at.to_f) }
        @faults.compact!
      end

      def wait_for(what, &condition) = wait_until("voyage #{@number}: #{what}", within: PATIENCE_S, &condition)
  end
end
