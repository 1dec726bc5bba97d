# frozen_string_literal: true

require "fileutils"
require "tmpdir"
require "workflow"
require_relative "reference"
require_relative "invention"
require_relative "holder"

Workflow::Store.load_core

# Runs the model and the core side by side, and compares all that can be seen after each operation.
module Differential
  Native = Workflow::Native
  MEMORY = "/dev/shm"

  # Model and core do not agree, or the core does not get on.
  class Difference < StandardError; end

  # Where a store costs no disk.
  def self.root = File.writable?(MEMORY) ? MEMORY : Dir.tmpdir

  # One hand: the core's, and what the model says is in it.
  Hand = Struct.new(:native, :claim)

  # One store, one world, and operations on both. An operation is an Array, so that a list of them can be shortened and
  # run again; one that makes no sense at this moment (its hand is empty, its run is not there) does nothing.
  class Session
    LEASE_MS = 60_000
    HANDS = 4
    WAIT_S = 1
    TAKEOVER_S = 20
    SHORT_LEASE_MS = 500
    LIMIT_MS = 2
    CALLER = "caller"
    WORKER = "worker"
    FIELDS = %i[kind step attempt round reason due by].freeze

    # @return [Hash{Symbol=>Integer}] how often each kind of operation did something
    attr_reader :succeeded
    # @return [Integer] operations that there was something to do to
    attr_reader :performed
    # @return [Reference::World]
    attr_reader :world
    # @return [String] where the store is
    attr_reader :directory

    def self.run(designs)
      Dir.mktmpdir("workflow-model", Differential.root) { |directory| yield new(directory, designs) }
    end

    # @param designs [Array<Hash>] of one workflow, as its code changes: see Invention
    def initialize(directory, designs)
      @directory = directory
      @path = File.join(directory, "store.sqlite3")
      @engine = Native::Engine.new(@path, LEASE_MS, "model")
      @natives = designs.map { |design| native(design) }
      @models = designs.map { |design| Reference::Design.new(design[:parts], design[:unique]) }
      @world = Reference::World.new
      @hands = Array.new(HANDS) { Hand.new(@engine.hand, nil) }
      @present, @position, @travelled, @ids = 0, 0, 0, []
      @told, @reminders, @reserved, @doubted = {}, {}, {}, []
      @leases = {}.compare_by_identity # round and fence of pledged claims
      @succeeded, @performed = Hash.new(0), 0
    end

    # Idempotent.
    def close
      @sleeper&.kill
      @sleeper = nil
      @hands.each { |hand| hand.native.give_back }
      @engine.stop(2_000)
    end

    def inspect = "#<#{self.class}>"

    # @return [Integer] the definition that counts now
    attr_reader :present

    # @return [Array<Hand>]
    attr_reader :hands

    # @return [Boolean] whether the present code cannot run what is in the hand
    def gone?(at) = !hands[at].claim.nil? && !model_now.carries?(hands[at].claim.step)

    # Whether it is a step that runs once and has not been begun.
    def beginnable?(at) = hands[at].claim&.then { |claim| once?(claim) && !claim.step.begun }

    # @return [Array<Reference::Claim>] that were in doubt at some time
    attr_reader :doubted

    # Whether another process holds a step and stands still.
    def sleeping? = !@sleeper.nil?

    # What can be done, is: nil of an operation is that there was nothing to do it to. What is refused changes nothing.
    # @param operation [Array] its name and arguments
    # @raise [Difference]
    def perform(operation)
      name, *arguments = operation
      @world.now = moment
      kind = kind_in_hand(arguments.first)
      done = send(:"do_#{name}", *arguments)
      @succeeded[name] += 1 if done
      @succeeded[:"#{name}_#{kind}"] += 1 if done && kind
      return if done.nil?
      @performed += 1
      compare(operation)
    end

    private
      # ---- Operations: each does it to the core, tells the model the moment, does it there, compares the answers ----

      # @param by_id [Integer, nil] of the ids that are reserved for runs, as soon as one is wanted
      # @param token [String, nil]
      def do_start(at, key, place, tags = {}, by_id = nil, token = nil)
        hand = at && hands[at]
        return if hand&.claim
        id = by_id && (@reserved[by_id] ||= @engine.reserve)
        status, snapshot, events, work = start_natively(hand, key, place, tags, id, token)
        moment_of(events)
        expected, run, claim = @world.start(model_now, key, place: place, here: !hand.nil?, by: CALLER, tags: tags, id: id, token: token)
        return refused_start(expected, status) if [ expected, status ].include?(:taken)
        @ids << run.id = snapshot[:id] if status == :started
        same("start", [ expected, id && expected == :started ? id : @ids[run.number], run.token ], [ status, *snapshot.values_at(:id, :token) ])
        same("keyed", @ids[@world.meant(nil, token).number], @engine.keyed("Model", token)[:id]) if @world.meant(nil, token)
        @succeeded[:start_again] += 1 if expected == :existing && (id || token)
        hold(hand, claim, work)
      end

      def start_natively(hand, key, place, tags, id, token)
        @engine.start(hand&.native, native_now, "subject", "Model/#{key}#workflow", nil, place, CALLER, tags.flatten, id, token)
      rescue Workflow::StoreError => error
        raise unless error.message.match?(/\Athe id \w{13} was given to two starts/)
        [ :taken, nil, [], nil ]
      end

      def refused_start(expected, status)
        same("start", expected, status)
        @succeeded[:start_taken] += 1
        false
      end

      def do_take(at)
        hand = hands[at]
        return if hand.claim
        do_tick unless @world.due.empty?
        claim = @world.take(WORKER, beside: hands.filter_map(&:claim))
        return unless claim
        hold(hand, claim, worker_takes(hand))
      end

      def do_now(at, number, name)
        return unless idle(at) && (run = run(number))
        status, snapshot, work = hands[at].native.now(@ids[number], name, CALLER)
        moment_of_step(snapshot, name)
        expected, claim = @world.now_here(run, name, CALLER)
        same("now", expected, status)
        hold(hands[at], claim, work)
        status == :claimed
      end

      def do_later(number, name)
        return unless (run = run(number))
        status, snapshot, = @engine.later(@ids[number], name)
        moment_of_step(snapshot, name)
        expected = @world.later(run, name)
        same("later", expected, expected == :busy && status == :ok ? :busy : status) # held: unchanged, whichever it says
        status == :ok
      end

      def do_submit(at, number, name, pledged = false)
        return unless idle(at) && (run = run(number))
        status, _, *lease = hands[at].native.submit(@ids[number], name, CALLER, 0, pledged)
        expected, claim = @world.submit(run, name, CALLER, pledged: pledged)
        same("submit", expected, status)
        doubt = doubts.find { |doubtful| doubtful.run == run && doubtful.step.name == name }
        same("round and fence of the claim in doubt", @leases[doubt], lease) if status == :doubtful
        hands[at].claim = claim
        @leases[claim] = lease if claim&.pledged
        status == :claimed || status == :doubtful && (@succeeded[:submit_doubtful] += 1) && true
      end

      # Its holder does not know whether it was committed.
      def do_doubt(at)
        claim = hands[at].claim
        return unless claim&.pledged
        hands[at].native.doubt
        hands[at].claim = claim.parting = nil
        @world.doubt(claim)
        @doubted << claim
        true
      end

      # Somebody looks at one of them; it may have been settled before.
      def do_settle(which, accepted)
        claim = @doubted[which] or return
        @succeeded[:settle_late] += 1 unless claim.settleable?
        status, snapshot, events = @engine.settle(@ids[claim.run.number], claim.step.name, *@leases[claim], native_now, accepted, "input", "recovery")
        moment_of(events)
        same("settle", @world.settle(claim, accepted, model_now, "recovery"), status)
        same_run(claim.run, snapshot)
        status == :ok
      end

      # That an attempt began may be told between the answer and the look.
      def same_run(run, snapshot)
        found = @engine.find(@ids[run.number])
        later = snapshot ? @engine.events(@ids[run.number], snapshot[:version], 100) : []
        return if later.any? && later.all? { |event| event[3] == :step_started }
        same("the run that is told", found, snapshot)
      end

      def do_keep(number, name)
        return unless (run = run(number))
        status, = @engine.keep(@ids[number], name, native_now, "input", CALLER)
        same("keep", @world.keep(run, name, model_now, CALLER), status)
        status == :ok
      end

      def do_complete(at, wait)
        step_in_hand(at) { |hand, claim| ended(hand, wait, hand.complete(native_now, nil, wait)) { @world.complete(claim, model_now) } }
      end

      # A step that runs once: that it begins is in the log before its method is entered.
      def do_begin(at)
        hand = hands[at]
        claim = hand.claim
        return unless claim && once?(claim)
        enter(hand)
        answer = hand.native.begin(native_now)
        barrier
        moment_of(peek)
        same("begin", @world.begin(claim), answer)
        answer != :stale
      end

      def once?(claim) = claim.handed == :step && !!model_now[claim.step.name].once

      def do_fail(at, final, delay, wait)
        step_in_hand(at, :ask, :judge) do |hand, claim|
          delay ||= Invention::HOUR_MS if claim.errand? # else chance has a say in it
          answer = hand.fail(native_now, "Error", "broken", "here", final, delay, nil, wait)
          ended(hand, wait, answer) { @world.fail(claim, model_now, "broken", final: final, delay: delay) }
        end
      end

      # Its method does not come back in time: whoever holds it has it in hand all the same, for nothing.
      def do_overrun(at, final, delay)
        hand = hands[at]
        claim = hand.claim
        return unless claim && !claim.entered && !claim.superseded? && hand_kind(hand) == :step
        same("begin", @world.begin(claim), hand.native.begin(native_now)) if once?(claim)
        hand.native.enter(LIMIT_MS, native_now, delay, final)
        claim.entered = true
        claim.parting = nil
        wait_for("a time-out") { timed_out(claim) }
        barrier
        @world.now = timed_out(claim)[7] # what the claim had kept is released moments later
        @world.overrun(claim, model_now, "the step #{claim.step.name} took longer than its timeout of 0.00#{LIMIT_MS} s", final: final, delay: delay)
        true
      end

      def timed_out(claim)
        peek.find { |event| event[3] == :step_failed && event[1] == @ids[claim.run.number] && event[4] == claim.step.name.to_sym && event[10] == "timeout" }
      end

      def do_skip(at, wait)
        step_in_hand(at, :ask) do |hand, claim|
          next if claim.met || claim.step.mode == :otherwise || claim.errand?
          ended(hand, wait, hand.skip(native_now, "if: ready?", wait)) { @world.skip(claim, model_now, "if: ready?") }
        end
      end

      def do_open(at, wait)
        hands[at].claim&.handed == :ask && step_in_hand(at, :ask) { |hand, claim| ended(hand, wait, hand.open(native_now, wait)) { @world.open(claim, model_now) } }
      end

      def do_met(at)
        step_in_hand(at, :ask) do |hand, claim|
          next if claim.errand?
          hand.met
          claim.met = true
        end
      end

      def do_accept(at)
        await_in_hand(at) { |hand, claim| ended(hand, true, hand.accept(native_now, "input")) { @world.accept(claim, model_now) } }
      end

      def do_reject(at, fault)
        await_in_hand(at) do |hand, claim|
          answer = hand.reject(fault ? "Error" : nil, "no", native_now)
          ended(hand, true, answer) { @world.reject(claim, model_now, "no", fault: fault) }
        end
      end

      # What is in hand has made the rest of its run pointless.
      def do_part(at)
        claim = hands[at].claim or return
        hands[at].native.part("destroyed")
        claim.parting = "destroyed"
        true
      end

      # Entered or not, nobody ends it.
      def do_give_back(at, entered)
        claim = hands[at].claim or return
        enter(hands[at]) if entered
        hands[at].native.give_back
        hands[at].claim = nil
        barrier
        moment_of(peek)
        @world.give_back(claim)
        true
      end

      def do_retry(number, name)
        return unless (run = run(number))
        status, _, events = @engine.retry(@ids[number], native_now, name, CALLER)
        moment_of(events)
        same("retry", @world.retry(run, name, model_now, CALLER), status)
        status == :ok
      end

      def do_cancel(number, reason) = halt(number) { |run| [ @engine.cancel(@ids[number], nil, reason, CALLER), -> { @world.cancel(run, reason, CALLER) } ] }
      def do_pause(number, reason) = halt(number) { |run| [ @engine.pause(@ids[number], reason, CALLER), -> { @world.pause(run, reason, CALLER) } ] }
      def do_resume(number) = halt(number) { |run| [ @engine.resume(@ids[number], native_now, CALLER), -> { @world.resume(run, model_now, CALLER) } ] }

      def do_omit(number, name)
        halt(number) { |run| [ @engine.skip(@ids[number], name, native_now, "not wanted", CALLER), -> { @world.omit(run, name, model_now, "not wanted", CALLER) } ] }
      end

      # A holder cancels or pauses the run before it has entered the method.
      def do_halt_instead(at, how, wait)
        claim = hands[at].claim
        return if claim.nil? || claim.entered
        answer = hands[at].native.public_send(how, native_now, "instead", wait)
        ended(hands[at].native, wait, answer) { @world.halt(claim, how, "instead") }
        true
      end

      # A holder finds that the present code has no such step: it puts the run down.
      def do_vanish(at, wait) = gone?(at) && do_halt_instead(at, :pause, wait)

      # Whatever is asked of all runs: as a list, in pages of two, and as a number.
      def do_list(key, state, step, tags)
        filter = { class_name: "Model", subject: key && "Model/#{key}#", states: state && [ state ], steps: [ step ].compact, tags: tags.flatten }
        expected = @world.list(key: key, state: state, step: step, tags: tags).map { |run| @ids[run.number] }.sort.reverse
        same("list of #{filter}", expected, pages(filter).map { |snapshot| snapshot[:id] })
        same("count of #{filter}", expected.size, @engine.count(filter, nil).first)
        same("ids of #{filter}", expected.sort, @engine.ids(filter, [ "Model/#{key}#" ]).sort) if key
        expected.any?
      end

      def pages(filter)
        before, found = nil, []
        loop do
          page, before = @engine.search(filter, before, 2)
          found.concat(page)
          return found unless before
        end
      end

      # The code changes: from now on another definition is handed in.
      def do_redefine(index)
        return if index == @present || index >= @models.size
        @present = index
        true
      end

      def do_travel(hours)
        @engine.travel(hours * Invention::HOUR_MS)
        @travelled += hours * Invention::HOUR_MS
        true
      end

      # A worker's process looks at the clock.
      def do_tick
        before = @world.runs.map { |run| run.journal.size }
        @world.fire(WORKER)
        told = @world.runs.each_with_index.sum { |run, index| run.journal.size - before[index] }
        return if told.zero?
        working(1) { wait_for("#{told} events") { peek.size >= told } }
        compare([ :tick ])
        true
      end

      # Longer than the core keeps to itself that an attempt has begun.
      def do_dwell(at)
        return unless hands[at].claim
        enter(hands[at])
        @engine.wait_log(@engine.last_position, 50) # it is told then, or it is nobody's any more
        true
      end

      def halt(number)
        return unless (run = run(number))
        (status, _, events), reference = yield run
        moment_of(events)
        same("halting", reference.call, status)
        status == :ok && !events.empty?
      end

      # ---- Other processes ----

      # Some that die, one after another, with what has been ready for longest in hand.
      def do_crash(entered, times)
        died = 0
        while died < times && (holder, claim = taken_by_another(LEASE_MS, entered))
          holder.kill
          taken_over(claim)
          @succeeded[:crash_once] += 1 if claim.step.begun
          @world.crash(claim)
          compare([ :crash ])
          died += 1
        end
        died.positive?
      end

      # One that stands still for longer than its lease.
      def do_hang(entered)
        return if @sleeper
        holder, claim = taken_by_another(SHORT_LEASE_MS, entered)
        return unless holder
        holder.stop(-> { barrier })
        @sleeper, @slept, @perhaps = holder, claim, false
        taken_over(claim)
        @succeeded[:hang_once] += 1 if claim.step.begun
        @world.lapse(claim)
        claim.step.lapsed = nil unless claim.entered # looking whether it is free was a claim
        true
      end

      # It goes on, and hands in its result late: too late if somebody has claimed the step meanwhile.
      def do_wake(how)
        return unless @sleeper
        holder, claim, @sleeper = @sleeper, @slept, nil
        how = :open if claim.handed == :ask
        events = holder.wake(how, @present, @travelled)
        barrier
        moment_of(peek)
        claim.step.lapsed = nil if @perhaps && events.empty? && claim.step.lapsed.equal?(claim)
        late = claim.superseded?
        @succeeded[:settle_doubt] += 1 if claim.step.doubt.equal?(claim)
        unkept(end_late(how, claim))
        same("whether a late result is recorded", !late, events.any?)
        @succeeded[late ? :wake_too_late : :wake_in_time] += 1
        true
      end

      def end_late(how, claim)
        case how
        when :complete then @world.complete(claim, model_now)
        when :fail then @world.fail(claim, model_now, "late")
        when :open then @world.open(claim, model_now)
        end
      end

      # @return [Array(Holder, Reference::Claim), nil]
      def taken_by_another(lease_ms, entered)
        do_tick unless @world.due.empty?
        return if @world.queue.empty? || %i[waiting judged].any? { |what| @world.queue.first.last.public_send(:"#{what}?") } # in the simulation
        claim = @world.take(Holder::NAME) or return
        claim.entered = entered || claim.step.await?
        holder = Holder.new(@path, @natives, lease_ms, @travelled)
        @perhaps = true
        hold(nil, claim, holder.take)
        holder.enter if claim.entered
        begun_by(holder, claim) if claim.entered && once?(claim)
        [ holder, claim ]
      end

      # On a slow machine it was told already that the attempt began; it is told once more then.
      def begun_by(holder, claim)
        same("begin of a holder", @world.begin(claim), holder.begin(@present))
        compare_events
      end

      # An entered step is told as lost; one that is not, can be had again.
      def taken_over(claim)
        wait_for("a takeover", TAKEOVER_S) { claim.entered ? lost?(claim) : free?(claim) }
        barrier
        moment_of(peek)
      end

      def lost?(claim)
        peek.any? { |event| event[3] == :lease_lost && event[1] == @ids[claim.run.number] && event[4] == claim.step.name.to_sym }
      end

      def free?(claim)
        hand = @engine.hand
        hand.now(@ids[claim.run.number], claim.step.name, CALLER).first == :claimed
      ensure
        hand.give_back
      end

      # ---- Hands ----

      def idle(at) = hands[at].claim.nil?
      def run(number) = @world.runs[number]
      def native_now = @natives[@present]
      def model_now = @models[@present]

      # @param also [Array<Symbol>] what may be in hand besides steps, reminders and the otherwise of an await
      def step_in_hand(at, *also)
        hand = hands[at]
        claim = hand.claim
        return if claim.nil? || !%i[step remind otherwise].push(*also).include?(hand_kind(hand))
        enter(hand)
        !!yield(hand.native, claim)
      end

      def await_in_hand(at)
        hand = hands[at]
        return unless hand.claim && %i[await judge].include?(hand_kind(hand))
        enter(hand)
        yield hand.native, hand.claim
        true
      end

      # What the core put into the hand, whatever the model thinks of it by now.
      def hand_kind(hand) = hand.claim.handed

      # Of what is new enough to be counted by itself.
      def kind_in_hand(at)
        kind = at.is_a?(Integer) && hands[at]&.claim&.handed
        kind if %i[remind judge].include?(kind)
      end

      def enter(hand)
        hand.native.enter
        hand.claim.entered = true
      end

      def ended(native, wait, answer)
        hand = hands.find { |candidate| candidate.native.equal?(native) }
        claim = hand.claim
        superseded = claim.superseded?
        @succeeded[:late] += 1 if superseded
        hand.claim = nil
        _, events, work = answer
        wait ? moment_of(events) : settle
        claim.step.told = !superseded && told?(claim)
        following = yield
        same("events of what was superseded", [], events) if wait && superseded
        return unkept(following) unless wait
        hold(hand, following, work)
      end

      # Whether the log has it by now that the attempt began.
      def told?(claim)
        run, step = claim.run, claim.step
        return true if @told[[ run.number, step.name.to_sym, step.attempts, step.round ]]
        peek.any? { |event| event[3] == :step_started && event[1] == @ids[run.number] && event[4..6] == [ step.name.to_sym, step.attempts, step.round ] }
      end

      # A worker that does not wait goes on by the mailbox, which was emptied: nobody has it.
      def unkept(following)
        following && @world.give_back(following)
        true
      end

      def hold(hand, claim, work)
        same("work", claim && work_of(claim), work && [ @ids.index(work[0]), *work.values_at(4, 5, 6, 7, 10, 11) ])
        hand.claim = claim if hand
        true
      end

      def work_of(claim) = claim.work

      # ---- Workers: claims are made only while the core is allowed to, and what nobody took is given back ----

      # What it claims beyond that (nobody tells which) is claimed again where it had been another's; so it is with a holder.
      def working(threads)
        @perhaps = true
        @engine.work(threads, WORKER)
        yield
      ensure
        @engine.work(0, WORKER)
        settle
      end

      # After the barrier the core has claimed whatever it is going to claim.
      def worker_takes(hand)
        held = hands.count(&:claim)
        working(held + 1) do
          barrier
          hand.native.take(WAIT_S * 1000)
        end
      end

      def settle
        barrier
        spare = (@spare ||= @engine.hand)
        while spare.take(0)
          spare.give_back
          emptied = true
        end
        barrier if emptied
        moment_of(peek)
      end

      # An answer from the committer: all that was posted before is done.
      def barrier = @engine.later("0000000000000", "none")

      # ---- Time ----

      def moment = Process.clock_gettime(Process::CLOCK_REALTIME, :millisecond) + @travelled

      # Of what was decided; that another attempt has begun may be told with it, with the moment at which it did.
      def moment_of(events)
        decided = (events || []).reject { |event| event[3] == :step_started }.last
        @world.now = decided[7] if decided
      end

      def moment_of_step(snapshot, name)
        at = snapshot && snapshot[:steps].find { |step| step[:name] == name.to_sym }[:scheduled_ms]
        @world.now = at if at
      end

      def peek = @engine.log(@position, 1000)

      def wait_for(what, seconds = WAIT_S)
        deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + seconds
        until yield
          raise Difference, "no #{what} within #{seconds} s; the log has #{peek.inspect}" if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline
          @engine.wait_log(peek.last&.first || @position, 20)
        end
      end

      # ---- Definitions ----

      def native(design)
        names = design[:parts].map { |part| part[:name] }
        steps = design[:parts].map { |part| native_step(part, names) }
        Native::Definition.new("Model", "workflow", design[:unique], steps)
      end

      def native_step(part, names)
        { name: part[:name], kind: part[:kind], deps: part[:after].map { |name| names.index(name) }, place: part[:kind] == :await ? :later : part[:place],
          retries: part[:retries] || 0, backoff: part[:backoff], expires_ms: part[:expires], otherwise: part[:otherwise],
          wait_ms: part[:wait], asks: part[:asks] || false, either: part[:either], was: part[:was],
          early: part[:early] || false, once: part[:once] || false, remind_ms: part[:remind], remind: part[:remind] && "remind" }.compact
      end

      # ---- Comparing ----

      # In the order of their runs, as they are listed.
      def doubts = @doubted.select(&:settleable?).sort_by { |claim| [ @ids[claim.run.number], claim.run.steps.index(claim.step) ] }

      def compare_doubts
        expected = doubts.map { |claim| [ @ids[claim.run.number], "Model", "workflow", "subject", claim.step.name, *@leases[claim] ] }
        same("what is in doubt", expected, @engine.doubts(100))
      end

      def same(what, expected, actual)
        return if expected == actual
        raise Difference, "#{what}:\n  the model says #{expected.inspect}\n  the core says  #{actual.inspect}"
      end

      def compare(_operation)
        compare_events
        compare_doubts if @doubted.any?
        @world.runs.each { |run| compare_run(run, @engine.find(@ids[run.number])) }
      end

      # That an attempt began may be told at once, later, or with its end: compared as a set.
      def compare_events
        fresh = peek
        @position = fresh.last.first unless fresh.empty?
        by_run = fresh.group_by { |event| event[1] }
        @world.runs.each do |run|
          actual = (by_run[@ids[run.number]] || []).reject { |event| begun(run, event) }
          expected = run.journal.slice!(0..)
          same("events of run #{run.number}", expected.map(&:to_a), actual.map { |event| seen(event) })
        end
      end

      # Each time that an attempt is scheduled it may begin once: an await that was asked and then expired has two first ones.
      def begun(run, event)
        key = [ run.number, event[4], event[5], event[6] ]
        @told.delete(key) if event[3] == :step_scheduled # attempts are counted anew in another mode
        return false unless event[3] == :step_started
        raise Difference, "step_started twice: #{key.inspect}" if @told[key] && !run.step(event[4].to_s).begun
        @told[key] = true
      end

      def seen(event)
        _, _, _, kind, step, attempt, round, _, by, due, reason = event
        ended = !of_reminder(event) && attempt && %i[step_completed step_failed lease_lost].include?(kind)
        [ kind, step&.to_s, attempt, step ? round : nil, reason, due, by ].tap { started_before(event) if ended }
      end

      # Whether it is of a reminder: no step starts by that. Since when it is ready, the core alone knows to the millisecond. One
      # that is lost with its run is the model's no more by then.
      def of_reminder(event)
        key = key_of(event)
        reminder = @world.runs[key.first].step(event[4].to_s)&.reminder
        if event[3] == :step_scheduled
          @reminders[key] = !!reminder&.ready?
          reminder.since = event[7] if reminder&.ready?
        end
        reminder || @reminders[key]
      end

      def key_of(event) = [ @ids.index(event[1]), event[4], event[5], event[6] ]

      def started_before(event)
        key = key_of(event)
        raise Difference, "#{event[3]} of an attempt that did not start: #{key.inspect}" unless @told[key]
      end

      def compare_run(run, snapshot)
        same("state of run #{run.number}", run.state, snapshot[:state])
        same("whether run #{run.number} is being cancelled", run.cancelling?, snapshot[:cancelling])
        same("why run #{run.number} is halted", run.why, snapshot[:reason]) if run.halted || run.ending == :cancelled
        run.steps.zip(snapshot[:steps]) do |step, facts|
          step.since = facts[:scheduled_ms] if step.ready?
          same("step #{step.name} of run #{run.number}", facts_of(step), facts_from(facts, step))
        end
      end

      def facts_of(step)
        { state: step.state, doubtful: step.doubtful?, attempts: step.attempts, round: step.round, reason: step.reason, due: step.due, error: step.error,
          mode: step.mode, remind: step.reminder&.due, reminding: (step.reminder.tries if step.reminder&.ready?), kept: !!step.kept }
      end

      def facts_from(facts, step)
        state = facts[:state]
        state = :ready if state == :running && step.claim&.entered
        { state: state, doubtful: facts[:doubtful], attempts: facts[:attempts], round: facts[:round], reason: facts[:reason], due: facts[:due_ms],
          error: facts[:error_message], mode: facts[:mode], remind: facts[:remind_ms], reminding: facts[:reminding],
          kept: !facts[:kept_version].nil? }
      end
  end
end
