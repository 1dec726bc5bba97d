# frozen_string_literal: true

module LivePages
  # Somebody at random: looks at a page, and hides, freezes, leaves and reloads it, and comes back. A calm page is only looked at, so
  # that nothing but itself makes up for what it missed.
  class Visitor
    # How often what is done, of all times.
    WHAT = { look: 5, cut: 3, hide: 2, freeze: 2, turn: 3, reload: 1, depart: 2 }.flat_map { |what, times| [ what ] * times }.freeze

    # @return [Hash{Symbol => Integer}] what was done how often
    attr_reader :done

    # @param cuts [Boolean] whether sockets are cut as well
    def initialize(page, proxy, random, cuts:)
      @page, @proxy, @random, @done = page, proxy, random, Hash.new(0)
      @what = page.calm? ? %i[look] : cuts ? WHAT : WHAT - %i[cut]
    end

    # @yieldreturn [Boolean] whether it is enough
    def visit
      until yield
        act(@what.sample(random: @random))
        pause(0.1..0.6)
      end
    rescue StandardError => error
      @page.abandon(error)
      raise
    end

    private
      def act(what)
        @done[what] += 1
        case what
        when :cut then cut
        when :hide then @page.hide { pause(0.1..1.0) }
        when :freeze then @page.freeze_page { pause(0.3..1.5) }
        when :turn then turn
        when :reload then @page.reload
        when :depart then @page.depart { pause(0.0..0.8) }
        end
      end

      # A random one of all the pages' sockets, and now and then all of them.
      def cut
        sockets = @proxy.websockets
        all, one = @random.rand < 0.05, sockets.sample(random: @random)
        @proxy.cut(how: %i[finish reset].sample(random: @random), only: :websockets) { |link| all || link == one }
      end

      # There, and more often than not the way back through history, where Turbo shows what it kept of the page.
      def turn
        @page.turn
        return if @random.rand < 0.4
        pause(0.0..0.5)
        @page.back
      end

      def pause(range)
        sleep(@random.rand(range))
        true
      end
  end
end
