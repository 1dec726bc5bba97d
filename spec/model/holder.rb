# frozen_string_literal: true

module Differential
  # A worker's process beside this one, on the same store: takes one step, and is killed, or stopped for longer than its
  # lease and woken again.
  class Holder
    NAME = "holder"
    WAIT_MS = 5_000
    SECONDS = 20
    SOON_S = 0.3

    # @param natives [Array<Native::Definition>] the code as it changes
    # @param travelled [Integer] milliseconds by which the clock is ahead
    def initialize(path, natives, lease_ms, travelled)
      @path, @natives, @lease_ms, @travelled = path, natives, lease_ms, travelled
      @from_here, @to_holder = IO.pipe.each(&:binmode)
      @from_holder, @to_here = IO.pipe.each(&:binmode)
      @pid = fork { be_another }
      [ @from_here, @to_here ].each(&:close)
    end

    # @return [Array, nil] the work that it took
    def take = ask(:take)

    # From now on its death counts.
    def enter = ask(:enter)

    # Of a step that runs once.
    # @param index [Integer] the code's
    def begin(index) = ask(:begin, index)

    # Without a word.
    def kill
      Process.kill(:KILL, @pid)
      Process.wait(@pid)
      [ @to_holder, @from_holder ].each(&:close)
    end

    # Stands still, and keeps what it holds; but not in the middle of a commit, where it would keep everybody from the store.
    # @param barrier [Proc] comes back when somebody else has had the store
    def stop(barrier)
      loop do
        Process.kill(:STOP, @pid)
        Process.wait(@pid, Process::WUNTRACED)
        waiting = Thread.new(&barrier)
        return if waiting.join(SOON_S)
        Process.kill(:CONT, @pid)
        waiting.join
      end
    end

    # Goes on as if nothing had happened: hands in its result, and ends.
    # @param how [Symbol] :complete, :fail or :open
    # @return [Array<Array>] what was recorded of it
    def wake(how, index, travelled)
      Process.kill(:CONT, @pid)
      ask(how, index, travelled - @travelled).tap { kill }
    end

    private
      def ask(*request)
        Marshal.dump(request, @to_holder)
        @from_holder.wait_readable(SECONDS) or raise Difference, "the holder says nothing to #{request.inspect}"
        Marshal.load(@from_holder)
      end

      # ---- In the child ----

      def be_another
        [ @to_holder, @from_holder ].each(&:close)
        @engine = Native::Engine.new(@path, @lease_ms, NAME)
        @engine.travel(@travelled)
        @hand = @engine.hand
        loop { Marshal.dump(answer(*Marshal.load(@from_here)), @to_here) }
      rescue EOFError
        exit!(0)
      rescue Exception => error # what a child raises must not run the parent's specs
        warn "the holder: #{error.full_message}"
        exit!(1)
      end

      def answer(request, index = nil, travelled = 0)
        return take_one if request == :take
        return @hand.enter if request == :enter
        return @hand.begin(@natives[index]) if request == :begin
        @engine.travel(travelled)
        @hand.enter
        _, events, = finish(request, @natives[index])
        @hand.give_back # a step that would follow here
        barrier
        events
      end

      def take_one
        @engine.work(1, NAME)
        work = @hand.take(WAIT_MS)
        @engine.work(0, NAME)
        give_the_others_back
        work
      end

      def give_the_others_back
        barrier
        spare = @engine.hand
        spare.give_back while spare.take(0)
        barrier
      end

      def finish(request, definition)
        case request
        when :complete then @hand.complete(definition, nil, true)
        when :fail then @hand.fail(definition, "Error", "late", "there", false, nil, nil, true)
        when :open then @hand.open(definition, true)
        end
      end

      # An answer from the committer: what was posted before is done.
      def barrier = @engine.later("0000000000000", "none")
  end
end
