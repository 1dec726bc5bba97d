# frozen_string_literal: true

require_relative "../../../bin/support/chromium"
require_relative "../../../bin/support/waiting"
require_relative "captain"
require_relative "page"
require_relative "visitor"

module LivePages
  # Runs, one after the other: in each all pages show new voyages, which are sailed from start to end while visitors do what they
  # like. What it finds wrong are sentences.
  class Storm
    include Waiting

    PAGES = 20
    VOYAGES = 8
    EQUAL_S = 30
    SLOW = 0.05   # of all websockets, of which a browser opens one at a time: with more it would be alone most of the time, and ask by itself
    SLOW_S = 1.0  # at most

    # @return [Hash{Symbol => Integer}] what was done how often
    attr_reader :done

    # @param seldom [Proc] whether sockets are cut seldom in the run of that number
    def initialize(site, browser, seed, seldom:)
      @site, @seed, @seldom, @done, @number = site, seed, seldom, Hash.new(0), 0
      random = Random.new(seed)
      site.proxy.delay_websockets { random.rand < SLOW ? random.rand(SLOW_S) : 0 }
      @pages = Array.new(PAGES) { |index| Page.new(browser, site, "page #{index}", calm: (index % 3).zero?) }
    end

    # @return [Array<String>] what was wrong in one more run
    def run
      @run_number = @run_number.to_i + 1
      captains = embark
      open_pages(captains)
      sail(captains)
      faults = captains.flat_map(&:faults) + @pages.flat_map { |page| page.shrunk.slice!(0..) }
      faults.empty? ? captains.flat_map { |captain| differences(captain) } : faults
    end

    private
      def embark
        Array.new(VOYAGES) { |index| Captain.new(@number += 1, @site, random(index)).tap(&:embark) }
      end

      def open_pages(captains)
        first = @number - captains.size + 1
        @pages_of = @pages.each_with_index.group_by { |_, index| captains[index % VOYAGES] }.transform_values { |pairs| pairs.map(&:first) }
        together(@pages.each_with_index) do |page, index|
          page.open(first + index % VOYAGES, (first + (index + 3) % VOYAGES unless page.calm?)) # whose news would make up for what it missed
        end
      end

      # Visitors go on until all voyages are over.
      def sail(captains)
        visitors = @pages.each_with_index.map { |page, index| Visitor.new(page, @site.proxy, random(100 + index), cuts: cuts?(index)) }
        over = false
        visits = quietly { together(visitors) { |visitor| visitor.visit { over } } }
        together(captains) { |captain| captain.sail(@pages_of.fetch(captain)) }
        over = true
        visits.value
        visitors.each { |visitor| @done.merge!(visitor.done) { |_, one, other| one + other } }
        %i[held between].each { |what| @done[what] += captains.sum(&what) }
      end

      # All that come and go, but for runs with few cuts, where one does: with many, no page has a stream for most of the time. Action
      # Cable waits 3 to 9 s until it connects again, and a page that waits asks by itself.
      def cuts?(index) = !@seldom.call(@run_number) || index == 1

      # In the end all that pages show is what the log has.
      def differences(captain)
        last = captain.run.events.last
        @pages.filter_map { |page| difference(page, last) }
      end

      def difference(page, last)
        shown = nil
        wait_until("it is equal", within: EQUAL_S) do
          shown = page.regions.select { |_, run, _| run == last.run_id }
          shown.all? { |_, _, version| version == last.version }
        end
        nil
      rescue TimedOut
        "#{page.inspect} shows #{shown}, and the log of #{last.run_id} is at version #{last.version}"
      end

      def together(all)
        all.map { |*one| quietly { yield(*one.flatten(1)) } }.each(&:value)
      end

      # Whoever asks for the thread's value gets its error.
      def quietly(&block) = Thread.new(&block).tap { |thread| thread.report_on_exception = false }

      def random(number) = Random.new((@seed * 1000 + @run_number) * 1000 + number)
  end
end
