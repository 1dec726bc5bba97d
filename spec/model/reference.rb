# frozen_string_literal: true

require "set"

# What a run is to do, in plain Ruby: the second opinion that spec/model/driver.rb compares the core with. Written
# from the documents, not from the core, and in other shapes: a step is an object, a run keeps a journal, and what is
# asked of them are predicates. No clock, no store, no chance: the moment and the author come in with each command.
module Reference
  # One fact of a run's journal. Attempt is nil where nothing was tried: of the run, and of an await.
  Entry = Struct.new(:kind, :step, :attempt, :round, :reason, :due, :by)

  # Who holds a step. A step that is claimed again, reopened or ended otherwise forgets it: it is superseded.
  # A caller's has a breath: what became ready by its own call and is kept for it; a worker's has none.
  # One whose lease ran out is not superseded by that alone.
  # A pledged one, of an await, does not lapse: it can be in doubt, and is somebody's until that is settled.
  # Parting: why the run is not to go on after it.
  Claim = Struct.new(:run, :step, :by, :breath, :handed, :entered, :met, :attempt, :alone, :pledged, :doubtful, :parting) do
    def superseded? = [ step.claim, step.lapsed, step.doubt ].none? { |stands| stands.equal?(self) }
    def worker? = breath.nil?
    def work = [ run.number, step.name, step.way, step.attempts, step.round, handed, met ]
    def errand? = false
    def settleable? = !superseded? && !!doubtful
  end

  # Who holds not the step but its reminder: a worker.
  class Errand < Claim
    def superseded? = !step.reminder&.claim.equal?(self)
    def work = [ run.number, step.name, step.reminder.way, step.reminder.tries, step.round, handed, met ]
    def errand? = true
  end

  # Of an await that waits: due at a time, then a worker's to send, three times at most. The await knows nothing of it,
  # and takes it along when it ends.
  class Reminder
    TRIES = 3

    attr_reader :way, :tries, :due
    attr_accessor :since, :claim

    def initialize(way, due)
      @way, @due, @tries = way, due, 0
    end

    def due?(now) = !due.nil? && due <= now
    def ready? = !since.nil?
    def free? = claim.nil?
    def worn_out? = tries == TRIES

    def go(now)
      @tries += 1
      @due, @since, @claim = nil, now, nil
    end

    # @param again [Integer, nil] when it is to be tried again
    def rest(again = nil) = (@due, @since, @claim = again, nil, nil)
  end

  # What the code says at this moment. Names, kinds, order and groups are pinned when a run starts; the rest is asked again.
  class Design
    Part = Struct.new(:name, :kind, :after, :either, :place, :retries, :backoff, :expires, :otherwise, :wait, :asks, :early, :remind, :was, :once,
      keyword_init: true)
    # Nothing is said of a step.
    GONE = Part.new(retries: 0)

    attr_reader :parts, :unique

    # @param parts [Array<Hash>] `after` holds names
    def initialize(parts, unique)
      @parts = parts.to_h { |part| [ part[:name], Part.new(retries: 0, **part) ] }
      @unique = unique
    end

    # What is said of the step that a run calls so: under that name, else under one that it has taken since.
    def [](name) = @parts[name] || @parts.each_value.find { |part| part.was&.include?(name) } || GONE

    # Whether it can be run: no await can be run as anything else, nor anything else as an await.
    def carries?(step) = self[step.name] != GONE && (self[step.name].kind == :await) == step.await?
  end

  # One step of one run.
  class Step
    SETTLED = %i[completed skipped].freeze

    attr_reader :name, :kind, :after, :either
    attr_accessor :failures, :state, :attempts, :round, :reason, :due, :error, :mode, :way, :since, :claim, :met, :breath, :otherwise,
      :reminder, :kept, :failed_at
    # How often it took its process down with it, and whose lease on it ran out.
    attr_accessor :crashes, :lapsed
    # Whether the log has it that the attempt in hand began: a matter of moments, so whoever drives this says so.
    attr_accessor :told
    # Of a step that runs once: whether the log has it that its method was entered, and whose own late result would settle
    # what became of it.
    attr_accessor :begun, :doubt
    # What it last said of how far it is, in this round.
    attr_accessor :progress

    def initialize(part)
      @crashes = 0
      @name, @kind, @after, @either = part.name, part.kind, part.after.to_set, part.either
      @state, @attempts, @failures, @round, @way = :pending, 0, 0, 1, part.name
    end

    def await? = kind == :await
    def settled? = SETTLED.include?(state)
    def delayed? = state == :pending && !due.nil?
    def untouched? = state == :pending && due.nil?
    def ready? = state == :ready
    def retrying? = state == :retrying
    def waiting? = state == :waiting
    def failed? = state == :failed
    def judged? = ready? && mode == :judge
    # Whether an input that comes now comes too early, not too late.
    def ahead? = await? && (state == :pending || ready? && mode == :ask)
    # Whether something will still come of it by itself.
    def moving? = ready? || retrying? || waiting? || delayed?
    def ended? = settled? || failed? || state == :cancelled

    # A delayed one has not been tried.
    def next_attempt = attempts + 1

    # A time at which something happens to it. What somebody holds is not disturbed.
    def due?(now) = claim.nil? && (over?(now) || !!reminder&.due?(now))
    def over?(now) = !due.nil? && due <= now
    def next_moment = [ due, reminder&.due ].compact.min

    # Once more, and it is parked: so nothing else is to be with it then.
    def alone? = crashes == World::CRASHES_MAX - 1

    # Whether its claim is pledged, in hand or in doubt.
    def pledged? = waiting? && !!claim&.pledged
    def doubtful? = waiting? && !!claim&.doubtful

    # An input that is going to be judged without anybody's submit.
    def has_input? = judged? || !!kept && !failed?

    # An expired await whose own step is about to end the run.
    def ending_the_run? = mode == :otherwise && (ready? || retrying?)

    # Neither held nor kept for a caller.
    def free? = claim.nil? && breath.nil?

    # Leaves whatever it was doing; nobody holds it any more.
    def become(state, **facts)
      @state, @due, @claim, @since, @breath, @reminder, @lapsed = state, nil, nil, nil, nil, nil, nil
      @told = @begun = false
      @doubt = nil
      @kept &&= %i[ready failed].include?(state)
      facts.each { |fact, value| public_send(:"#{fact}=", value) }
    end

    # A person asks for it again: as if it had never been reached, in another round.
    def reopen
      become(:pending, attempts: 0, failures: 0, crashes: 0, round: round + 1, mode: nil, way: name, met: false, reason: nil, error: nil,
        progress: nil)
    end
  end

  # One execution: steps, and the journal of what happened to them.
  class Run
    attr_reader :number, :key, :unique, :place, :steps, :journal, :ending
    # Halted: nothing begins. Why: who paused or cancelled it said so. Stuck: it was told that nothing can move.
    attr_accessor :halted, :why, :stuck, :tags, :parting
    # The id, as whoever drives this has it, if it does; and the token that it was begun with.
    attr_accessor :id, :token

    def initialize(number, key, design, place)
      @number, @key, @unique, @place = number, key, design.unique, place
      @steps = design.parts.values.map { |part| Step.new(part) }
      @journal = []
    end

    def step(name) = @steps.find { |step| step.name == name }
    def ended? = !@ending.nil?
    def open? = !ended?
    def paused? = halted == :paused
    def cancelling? = halted == :cancelling
    def pledged? = @steps.any?(&:pledged?)

    # Its place among others: an id may have been reserved long before.
    def rank = id || number

    # The first that applies.
    def state
      return @ending if ended?
      return :paused if paused?
      return :running if cancelling? # somebody holds a step
      return :running if @steps.any?(&:ready?)
      return :retrying if @steps.any?(&:retrying?)
      return :waiting if @steps.any?(&:waiting?)
      return :scheduled if @steps.any?(&:delayed?)
      :failed
    end

    def tell(kind, step = nil, by:, attempt: step&.attempts, reason: nil, due: nil)
      attempt = nil if attempt&.zero?
      @journal << Entry.new(kind, step&.name, attempt, step ? step.round : nil, reason, due, by)
    end

    # The run is over; what has not ended is not going to happen.
    def finish(ending, by, reason: nil)
      @ending, @halted, @stuck = ending, nil, false
      @steps.reject(&:settled?).each { |step| step.become(:cancelled) }
      tell(:"run_#{ending}", reason: reason, by: by)
    end

    # It goes on after its end: what was cut off may happen after all.
    def resume
      return unless ended?
      @ending = nil
      @steps.select { |step| step.state == :cancelled }.each(&:reopen)
    end

    # Whether it has come to the step, and not beyond it.
    def at?(name) = step(name)&.then { |step| step.moving? || step.failed? } || false

    # Everything that comes after a step, near and far.
    def followers(step)
      near = @steps.select { |other| other.after.include?(step.name) }
      near.to_set | near.flat_map { |other| followers(other).to_a }
    end
  end

  # All runs, and every command that there is. A command answers as the native API does, in names instead of bytes.
  class World
    CRASHES_MAX = 3
    DOUBT = "it was begun and did not end, and runs once: whether it had its effect is not known. Look, then retry it if it had not"

    attr_reader :runs
    attr_accessor :now

    def initialize
      @runs = []
      @now = 0
    end

    # ---- Starting ----

    def open_run(key) = @runs.find { |run| run.key == key && run.unique && run.open? }

    # The run of that id, else the one that was begun with the token, ended or not.
    def meant(id, token)
      (id && @runs.find { |run| run.id == id }) || (token && @runs.find { |run| run.token == token })
    end

    # @return [Array] :started, :existing or :taken (the id, by a run of another key), the run, the claim of the first step to run here
    def start(design, key, place: nil, here: false, by:, tags: {}, id: nil, token: nil)
      return [ :taken, nil, nil ] if id && meant(id, nil)&.then { |run| run.key != key }
      existing = meant(id, token) || design.unique && open_run(key)
      return [ :existing, existing, nil ] if existing
      @runs << run = Run.new(@runs.size, key, design, place)
      run.tags, run.id, run.token = tags, id, token
      run.tell(:run_started, by: by)
      fresh = go_on(run, design, by)
      [ :started, run, here ? breathe(run, [], fresh, design, by) : nil ]
    end

    # ---- Lists ----

    # The runs that are all of what is asked for, newest first.
    def list(key: nil, state: nil, step: nil, tags: {})
      @runs.reverse.select do |run|
        (key.nil? || run.key == key) && (state.nil? || run.state == state) && (step.nil? || run.at?(step)) && tags <= run.tags
      end
    end

    # ---- Who gets what ----

    # In the order of being ready. Priorities are all the same yet.
    def queue
      steps = @runs.flat_map { |run| run.steps.each_with_index.map { |step, place| [ run, step, place ] } }
      steps.filter_map { |run, step, place| !run.halted && (since = free_since(step)) && [ since, run, step, place ] }
        .sort_by { |since, run, _, place| [ since, run.rank, place ] }.map { |_, run, step,| [ run, step ] }
    end

    # Of a step, or of its reminder.
    def free_since(step)
      return step.since if step.ready? && step.free?
      step.reminder.since if step.reminder&.ready? && step.reminder.free?
    end

    # A worker takes what has been ready for longest. A step that is to run alone waits for its process to be idle, and
    # then the process for it.
    # @param beside [Array<Claim>] what the worker's process holds
    def take(by, beside: [])
      run, step, = queue.first
      return if step.nil? || beside.any? { |held| held.worker? && held.alone }
      return errand(run, step, by) if step.waiting?
      claim(run, step, by, nil) unless step.alone? && beside.any?
    end

    # now(:step)
    def now_here(run, name, by)
      status = movable(run, step = run.step(name))
      return [ status, nil ] unless status == :ok
      hurry(run, step, by)
      [ :claimed, claim(run, step, by, []) ]
    end

    # later(:step)
    def later(run, name)
      status = movable(run, step = run.step(name))
      hurry(run, step, nil) if status == :ok
      status
    end

    # Pledged: its verdict is known only when a transaction elsewhere has been committed.
    def submit(run, name, by, pledged: false)
      step = run.step(name)
      return [ :doubtful, nil ] if step.doubtful?
      return [ :not_waiting, nil ] if run.halted
      return [ :busy, nil ] if step.judged?
      return [ :not_waiting, nil ] unless step.waiting? && (step.due.nil? || step.due > @now)
      return [ :busy, nil ] if step.claim || overtaking?(run, step, pledged)
      [ :claimed, claim(run, step, by, []).tap { |claim| claim.pledged = pledged } ]
    end

    # Its holder does not know what became of the transaction.
    def doubt(claim)
      claim.doubtful = true unless claim.superseded?
    end

    # Who has looked says what its holder would have said; what follows is nobody's in particular.
    # @return [Symbol] :ok or :stale
    def settle(claim, accepted, design, by)
      return :stale unless claim.settleable?
      claim.by, claim.breath = by, nil
      ending(claim) do |run, step,|
        next run.halted ? let_go(run, step, by) : release(step) unless accepted
        accepted(run, step, by)
        go_on(run, design, by)
      end
      :ok
    end

    # An input before its time.
    # @return [Symbol] :ok, :busy or :not_waiting
    def keep(run, name, design, by)
      step = run.step(name)
      return :not_waiting if run.halted
      return :busy if step.judged?
      return :not_waiting unless step.ahead? && design[name].early
      return :busy if overtaking?(run, step, false)
      step.kept = true
      run.tell(:input_kept, step, attempt: nil, by: by)
      :ok
    end

    # ---- How an attempt ends ----

    def complete(claim, design)
      return errand_done(claim) if claim.errand?
      ending(claim) do |run, step, by|
        attempt_ended(:step_completed, claim)
        next expired(run, step, by, claim) if step.mode == :otherwise
        step.become(:completed, error: nil, reason: nil, mode: nil)
        follow(claim, design, go_on(run, design, by))
      end
    end

    def fail(claim, design, message, final: false, delay: nil, reason: nil)
      return errand_done(claim, failed: true, again: final ? nil : @now + delay, reason: reason) if claim.errand?
      ending(claim) do |run, step, by|
        failed(claim, design, message, final, delay, reason)
        follow(claim, design, go_on(run, design, by, reason: reason))
      end
    end

    # It takes longer than it may: failed over its holder's head, who keeps nothing and goes on with nothing.
    def overrun(claim, design, message, final: false, delay: nil)
      ending(claim) do |run, _, by|
        failed(claim, design, message, final, delay, "timeout")
        go_on(run, design, by, reason: "timeout")
        exhale(claim)
      end
    end

    # Its condition is not met.
    def skip(claim, design, reason)
      ending(claim) do |run, step, by|
        skipped(run, step, reason, by)
        follow(claim, design, go_on(run, design, by))
      end
    end

    # The condition of an await is met. In a halted run it is asked again later: its time would run while nobody can answer.
    def open(claim, design)
      ending(claim) do |run, step, by|
        if run.halted
          let_go(run, step, by)
          next exhale(claim)
        end
        knock(run, step, design[step.name], by)
        follow(claim, design, [ step ].select(&:ready?) + go_on(run, design, by))
      end
    end

    # What came early was tried like a step; an input that was asked for is not.
    def accept(claim, design)
      ending(claim) do |run, step, by|
        accepted(run, step, by)
        follow(claim, design, go_on(run, design, by))
      end
    end

    # A fault is an error of the application's; else it is a reason for the person.
    def reject(claim, design, message, fault:)
      ending(claim) do |run, step, by|
        run.tell(:input_rejected, step, attempt: nil, reason: fault ? nil : message, by: by)
        step.reason, step.error = fault ? [ nil, message ] : [ message, nil ]
        if run.cancelling? || run.parting || !step.judged?
          run.cancelling? ? step.become(:cancelled) : step.claim = nil
          next exhale(claim)
        end
        request(run, step, design[step.name], by)
        follow(claim, design, go_on(run, design, by))
      end
    end

    # Untouched it goes back as it was; what had been entered was an attempt.
    def give_back(claim)
      return errand_given_back(claim) if claim.errand?
      ending(claim) do |run, step, by|
        untouched = step.waiting? || !claim.entered
        run.parting = nil if untouched # that was no end
        exhale(claim) if untouched
        next run.halted ? let_go(run, step, by) : step.claim = nil if untouched
        run.tell(:lease_lost, step, reason: "interrupted", by: by)
        lost(run, step, by)
        exhale(claim)
      end
    end

    # ---- In the middle of an attempt ----

    # Its method is about to be entered, for the only time.
    # @return [Symbol] :ok, :stale or :cancelled
    def begin(claim)
      return :stale if claim.superseded? || claim.step.begun
      claim.step.begun = true
      claim.run.cancelling? ? :cancelled : :ok
    end

    # It says how far it is, or what it came across.
    # @return [Symbol] :ok, :stale or :cancelled: then it is to leave
    def say(claim, kind, reason: nil, progress: nil)
      return :stale if claim.superseded?
      claim.step.progress = progress if progress
      claim.run.tell(kind, claim.step, attempt: claim.errand? ? claim.step.reminder.tries : claim.attempt, reason: reason, by: claim.by)
      claim.run.cancelling? ? :cancelled : :ok
    end

    # ---- Halting ----

    # What nobody holds is cancelled at once; the run is over when nobody holds anything.
    # @return [Symbol] :ok or :not_pending
    def cancel(run, reason, by)
      return run.ending == :cancelled ? :ok : :not_pending if run.ended?
      return :ok if run.cancelling?
      run.halted, run.why = :cancelling, reason
      put_down_reminders(run)
      run.tell(:cancel_requested, reason: reason, by: by)
      run.steps.each { |step| step.become(:cancelled) if step.free? && !step.settled? }
      wind_up(run, by)
      :ok
    end

    # From now on nothing begins; what is held ends as usual.
    def pause(run, reason, by)
      return :not_pending if run.ended? || run.cancelling?
      return :ok if run.paused?
      run.halted, run.why = :paused, reason
      put_down_reminders(run)
      run.tell(:run_paused, reason: reason, by: by)
      :ok
    end

    def resume(run, design, by)
      return :not_pending unless run.paused?
      run.halted = run.why = nil
      run.tell(:run_resumed, by: by)
      go_on(run, design, by, reason: failure_reason(run))
      :ok
    end

    # A holder does it instead of running its step: what it has and keeps goes back first, which is told only of a run that
    # was halted before.
    def halt(claim, how, reason)
      ending(claim) do |run, step, by|
        if claim.errand?
          how == :cancel ? cancel(run, reason, by) : pause(run, reason, by)
        elsif run.halted && !(run.paused? && how == :cancel)
          let_go(run, step, by)
          exhale(claim)
        else
          [ step, *kept(claim) ].each { |own| release(own) }
          lose(run, step, by) if step.told && how == :pause
          how == :cancel ? cancel(run, reason, by) : pause(run, reason, by)
        end
        nil
      end
    end

    # A person does not want the step.
    # @return [Symbol] :ok, :busy or :not_pending
    def omit(run, name, design, reason, by)
      step = run.step(name)
      return :not_pending if run.ended? || run.cancelling? || step.settled?
      return :busy unless step.free?
      skipped(run, step, reason, by)
      go_on(run, design, by, reason: failure_reason(run))
      :ok
    end

    # Its process died. Untouched it goes back as it was; what it had entered counts, and the third time it is parked.
    def crash(claim)
      ending(claim) do |run, step, by|
        step.claim = nil
        next unless claim.entered
        run.tell(:lease_lost, step, reason: "crashed", by: by)
        step.crashes += 1
        next interrupt(run, step, by) if step.begun
        step.crashes < CRASHES_MAX ? ready(run, step, step.attempts + 1, by) : park(claim)
      end
    end

    # Its process stands still for longer than its lease, and another one has noticed.
    def lapse(claim)
      return if claim.superseded?
      run, step, = claim.run, claim.step
      step.claim = nil
      run.tell(:lease_lost, step, reason: "lease expired", by: claim.by) if claim.entered
      doubtful = step.begun
      doubtful ? interrupt(run, step, claim.by) : ready(run, step, step.attempts + 1, claim.by) if claim.entered
      doubtful ? step.doubt = claim : step.lapsed = claim
    end

    # ---- Again, by a person ----

    # @return [Symbol] :ok, :busy or :not_pending
    def retry(run, name, design, by)
      wanted = name ? [ run.step(name) ] : run.steps.select(&:failed?)
      return :not_pending if run.halted
      return :busy if run.ended? && run.unique && open_run(run.key)
      return :not_pending if wanted.empty? || run.ended? && name.nil? || wanted.any? { |step| !again?(step) || !reached?(run, step) }
      whole = name && !wanted.first.failed?
      return :busy if whole ? [ wanted.first, *run.followers(wanted.first) ].any?(&:pledged?) : run.pledged? && wanted.any? { |step| step.mode == :otherwise }
      whole ? reopen(run, wanted.first, design, by) : wanted.each { |step| rerun(run, step, design, by) }
      go_on(run, design, by)
      :ok
    end

    # ---- Time ----

    # What is due and may happen, in order.
    def due
      found = @runs.flat_map { |run| run.steps.each_with_index.map { |step, place| [ run, step, place ] } }
      found.select { |run, step,| run.open? && !run.halted && step.due?(@now) && !(run.pledged? && step.waiting? && step.over?(@now)) }
        .sort_by { |run, step, place| [ step.next_moment, run.rank, place ] }
    end

    # A worker's process does what is due: once each.
    def fire(by)
      while (run, step, = due.first)
        next remind(run, step, by) unless step.over?(@now)
        step.waiting? ? expire(run, step, by) : ready(run, step, step.next_attempt, by)
      end
    end

    private
      # ---- Claims ----

      # Nothing comes before the verdict on what is pledged: the first input of a group skips the others, and the end of an
      # expired await's step ends the run.
      def overtaking?(run, step, pledged)
        others = rivals(run, step)
        return true if others.any?(&:pledged?)
        pledged && (others.any? { |rival| rival.has_input? || rival.waiting? && rival.claim } || run.steps.any?(&:ending_the_run?))
      end

      def accepted(run, step, by)
        run.tell(:input_accepted, step, attempt: nil, by: by)
        run.tell(:step_completed, step, by: by)
        step.become(:completed, error: nil, reason: nil, mode: nil)
        rivals(run, step).each { |rival| skipped(run, rival, "either: #{step.name}", by) }
      end

      def claim(run, step, by, breath)
        step.breath = step.lapsed = nil
        handed = step.waiting? ? :await : step.mode || :step
        step.claim = Claim.new(run, step, by, breath, handed, false, step.met || false, step.attempts, step.alone?)
      end

      def park(claim)
        attempt_ended(:step_failed, claim, reason: "crashed")
        claim.step.failures += 1
        claim.step.failed_at = @now
        claim.step.become(:failed, reason: "crashed", error: nil)
        go_on(claim.run, nil, claim.by, reason: "crashed")
      end

      # ---- Reminders: they change nothing but themselves ----

      def errand(run, step, by)
        step.reminder.claim = Errand.new(run, step, by, nil, :remind, false, step.met || false)
      end

      def remind(run, step, by)
        step.reminder.go(@now)
        run.tell(:step_scheduled, step, attempt: step.reminder.tries, by: by)
      end

      # @return [nil] nobody goes on
      def errand_done(claim, failed: false, again: nil, reason: nil)
        ending(claim) { |run, step, by| reminded(run, step, by, again: (again if failed && !step.reminder.worn_out?), reason: reason) }
      end

      # @param again [Integer, nil] when it is tried again
      # @return [nil]
      def reminded(run, step, by, again: nil, reason: nil)
        run.tell(:reminded, step, attempt: step.reminder.tries, reason: reason, due: again, by: by)
        step.reminder.rest(again)
        nil
      end

      def errand_given_back(claim)
        return if claim.superseded?
        return claim.step.reminder.claim = nil unless claim.entered
        ending(claim) do |run, step, by|
          run.tell(:lease_lost, step, attempt: step.reminder.tries, reason: "interrupted", by: by)
          step.reminder.worn_out? ? reminded(run, step, by, reason: "interrupted") : remind(run, step, by)
          nil
        end
      end

      def ending(claim)
        return exhale(claim).tap { wind_up(claim.run, claim.by) } if claim.superseded?
        claim.run.parting = claim.parting
        following = yield(claim.run, claim.step, claim.by)
        part(claim.run, claim.by)
        wind_up(claim.run, claim.by)
        following
      end

      # What a step has made pointless ends as it would with that step, or is cancelled.
      def part(run, by)
        reason, run.parting = run.parting, nil
        cancel(run, reason, by) if reason && run.open?
      end

      # A run that is being cancelled is over when nobody holds anything of it.
      def wind_up(run, by)
        run.finish(:cancelled, by, reason: run.why) if run.cancelling? && run.steps.all?(&:free?)
      end

      # A halted run waits for no reminder, and for nobody whose lease ran out: they are superseded.
      def put_down_reminders(run)
        run.steps.each do |step|
          step.reminder.claim = nil if step.reminder
          step.lapsed = nil
        end
      end

      # Of what failed last.
      def failure_reason(run)
        run.steps.each_with_index.select { |step,| step.failed? }.max_by { |step, place| [ step.failed_at, place ] }&.first&.reason
      end

      # In a halted run it is told when something goes back, since somebody waits for that.
      def let_go(run, step, by)
        return lose(run, step, by) if step.told
        return run.tell(:step_scheduled, step, by: by) && release(step) if run.paused? && step.ready?
        run.tell(:lease_lost, step, attempt: nil, reason: "given back", by: by)
        run.cancelling? ? step.become(:cancelled) : release(step)
        nil
      end

      # It was told as begun: that attempt is over.
      def lose(run, step, by)
        run.tell(:lease_lost, step, reason: "given back", by: by)
        lost(run, step, by)
        nil
      end

      # Another attempt, unless nobody is to make one.
      def lost(run, step, by)
        return step.become(:cancelled) if run.cancelling?
        step.begun ? interrupt(run, step, by) : ready(run, step, step.attempts + 1, by)
      end

      # What was begun is not begun again: whether it had its effect is not known.
      def interrupt(run, step, by)
        run.tell(:step_failed, step, reason: "interrupted", by: by)
        step.failures += 1
        step.failed_at = @now
        step.become(:failed, reason: "interrupted", error: DOUBT)
        go_on(run, nil, by, reason: "interrupted")
        nil
      end

      def release(step)
        step.claim = step.breath = nil
      end

      def movable(run, step)
        return :not_pending if run.halted
        return :not_pending if step.await? && step.mode != :otherwise # its input is what it needs
        return :not_pending unless step.ready? || step.retrying? || step.delayed?
        step.free? ? :ok : :busy
      end

      def hurry(run, step, by)
        ready(run, step, step.next_attempt, by) unless step.ready?
      end

      # ---- Going on ----

      # Everything whose turn has come gets it; then the run may be over.
      # @return [Array<Step>] what became ready
      def go_on(run, design, by, reason: nil)
        return [] if run.cancelling?
        return run.steps.all?(&:settled?) ? run.finish(:done, by) && [] : [] if run.paused? || run.parting
        fresh = turns(run).each { |step| turn(run, step, design[step.name], by) }
        if run.steps.all?(&:settled?)
          run.finish(:done, by)
        elsif run.steps.any?(&:moving?)
          run.stuck = false
        elsif !run.stuck
          run.stuck = true
          run.tell(:run_failed, reason: reason, by: by)
        end
        fresh.select(&:ready?)
      end

      def turns(run)
        run.steps.select { |step| step.untouched? && reached?(run, step) }
      end

      def reached?(run, step) = step.after.all? { |name| run.step(name).settled? }

      def turn(run, step, part, by)
        part.wait ? delay(run, step, part, by) : arrive(run, step, part, by)
      end

      def arrive(run, step, part, by)
        return knock(run, step, part, by) if step.await? && part.kind == :await && !part.asks
        ready(run, step, 1, by) # an await that is gone: whoever is to ask finds that out
      end

      # It is to be opened: not before what came early was looked at.
      def knock(run, step, part, by)
        return request(run, step, part, by) unless step.kept
        step.mode = :judge
        ready(run, step, 1, by)
      end

      def delay(run, step, part, by)
        step.due = @now + part.wait
        run.tell(:step_scheduled, step, attempt: nil, due: step.due, by: by)
      end

      # An await is ready only to be asked, but for its otherwise.
      def ready(run, step, attempt, by)
        step.mode ||= :ask if step.await?
        step.become(:ready, attempts: attempt, since: @now)
        run.tell(:step_scheduled, step, by: by)
      end

      def request(run, step, part, by)
        due = part.expires && @now + part.expires
        step.become(:waiting, attempts: 0, mode: nil, otherwise: part.otherwise, due: due)
        step.reminder = Reminder.new("remind", @now + part.remind) if part.remind
        run.tell(:input_requested, step, attempt: nil, due: due, by: by)
      end

      def retry_later(run, step, due, by)
        step.become(:retrying, due: due)
        run.tell(:step_retried, step, attempt: step.attempts + 1, due: due, by: by)
        step.since = nil
      end

      def skipped(run, step, reason, by)
        step.become(:skipped, reason: reason, error: nil, mode: nil)
        run.tell(:step_skipped, step, reason: reason, by: by)
      end

      def rivals(run, step)
        return [] unless step.either
        run.steps.select { |other| other.either == step.either && other != step && !other.settled? && other.state != :cancelled }
      end

      def failed(claim, design, message, final, delay, reason)
        run, step = claim.run, claim.step
        begun = step.begun || step.doubt.equal?(claim) # whatever the code says of it by now
        attempt_ended(:step_failed, claim, reason: reason)
        step.error, step.reason, step.failed_at = message, reason, @now
        step.met ||= claim.met
        step.failures += 1 # an attempt that was interrupted uses up no retry
        again = !final && !run.cancelling? && !run.parting && step.mode.nil? && !begun && step.failures <= design[step.name].retries
        again ? retry_later(run, step, @now + (delay || design[step.name].backoff), claim.by) : step.become(:failed, reason: reason)
      end

      def attempt_ended(kind, claim, reason: nil)
        claim.run.tell(kind, claim.step, attempt: claim.attempt, reason: reason, by: claim.by)
      end

      # ---- The same breath ----

      # A caller runs what became ready by its call, one after another in the order written; nobody else meanwhile.
      # @return [Claim, nil]
      def breathe(run, breath, fresh, design, by)
        mine = fresh.select { |step| place(run, step, design) == :now }
        mine.each { |step| step.breath = breath }
        breath.concat(mine)
        following = run.steps.find { |step| step.ready? && step.breath.equal?(breath) }
        following && claim(run, following, by, breath)
      end

      def follow(claim, design, fresh)
        return exhale(claim) if claim.run.halted || claim.run.parting
        return breathe(claim.run, claim.breath, fresh, design, claim.by) if claim.breath
        step = fresh.find { |candidate| place(claim.run, candidate, design) == :now }
        step && claim(claim.run, step, claim.by, nil)
      end

      # Nobody goes on: what was kept is everybody's. A halted run is told, unless it is cancelled with that.
      def exhale(claim)
        run = claim.run
        told = run.halted && !(run.paused? && run.parting)
        kept(claim).each { |step| told ? let_go(run, step, claim.by) : step.breath = nil }
        nil
      end

      def kept(claim)
        claim.breath ? claim.run.steps.select { |step| step.breath.equal?(claim.breath) } : []
      end

      # An await has no place of its own, whatever the present code says of what has its name. What is an await by now has none
      # either: whoever finds out is a worker.
      def place(run, step, design)
        part = design[step.name]
        run.place || (part.place unless step.await?) || (step.kind == :later || part.kind == :await && !step.await? ? :later : :now)
      end

      # ---- Expiry ----

      def expire(run, step, by)
        run.tell(:input_expired, step, attempt: nil, by: by)
        return expired(run, step, by) unless step.otherwise
        step.mode, step.way, step.reason, step.error = :otherwise, step.otherwise, "expired", nil
        ready(run, step, 1, by)
      end

      def expired(run, step, by, claim = nil)
        step.become(:cancelled, reason: "expired", error: nil)
        run.finish(:expired, by) unless run.cancelling?
        claim && exhale(claim) # nobody goes on
      end

      # ---- Retry ----

      def again?(step) = step.ended? || step.retrying? || step.waiting?

      def reopen(run, step, design, by)
        following = run.followers(step)
        run.resume
        [ step, *following ].each { |other| other.reopen unless other.untouched? }
        run.tell(:step_retried, step, attempt: 1, by: by)
        arrive(run, step, design[step.name], by) # whoever asks for it does not want it delayed again
      end

      # A failed step, by itself: what comes after it was never reached, or a person skipped it.
      def rerun(run, step, design, by)
        mode, way = step.mode, step.way
        step.reopen
        run.tell(:step_retried, step, attempt: 1, by: by)
        return arrive(run, step, design[step.name], by) unless mode == :otherwise
        step.mode, step.way = mode, way
        ready(run, step, 1, by)
      end
  end
end
