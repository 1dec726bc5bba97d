# frozen_string_literal: true

require "tmpdir"
require_relative "driver"
require_relative "api_code"

module Differential
  # The same model beside the real Ruby API: a class that includes Workflow, its public words called from threads as an
  # application does, steps run by a Workflow::Worker. Every body and every condition waits at the door until an operation
  # says how it ends; workers claim only during the operation :work. After each operation all that the public API shows is
  # compared: runs, steps, events, results, inputs.
  class ApiSession
    LEASE_S = 60
    WORKERS = 40       # as many bodies as can ever wait at once
    ALL = 16           # threads told to the core when it is to claim whatever is ready
    CALLS_MAX = 4
    SOON_MS = 60_000
    ASKING = %i[while proc condition].freeze

    # A call of a public word, on a thread of its own: what it is to end with.
    Call = Struct.new(:kind, :raising, :run, :existing, :thread, :code, :error, :verdict, :input, :kept)
    # Code that waits at the door, and what the model says is in hand there.
    Seat = Struct.new(:claim, :arrival, :call, :code, :places) do
      def asked_while? = ApiCode::WHILE.values.flatten.include?(arrival.where)
    end

    # @return [Hash{Symbol=>Integer}] how often each kind of operation did something
    attr_reader :succeeded
    # @return [Integer] operations that there was something to do to
    attr_reader :performed
    # @return [Reference::World]
    attr_reader :world
    # @return [Array<Seat>]
    attr_reader :seats
    # @return [String] where the store is
    attr_reader :directory

    def self.run(designs)
      Dir.mktmpdir("workflow-api", Differential.root) { |directory| yield new(directory, ApiCode.sayable(designs)) }
    end

    # @param designs [Array<Hash>] that are sayable
    def initialize(directory, designs)
      @designs, @directory = designs, directory
      @door = Door.new
      configure(directory)
      @code = ApiCode.new(designs, directory, @door)
      @world, @seats, @succeeded, @performed = Reference::World.new, [], Hash.new(0), 0
      @ids, @versions, @results, @inputs, @kept = [], Hash.new(0), {}, {}, {}
      @present, @position, @travelled, @counter = 0, 0, 0, 0
      @caller, @worker = Workflow::Role.by, Workflow::Role.worker
      @code.deploy(0)
      @workers = Workflow::Worker.new(threads: WORKERS).start
      engine.work(0, @worker)
    end

    # Idempotent.
    def close
      return if @closed
      @closed = true
      @seats.each { |seat| seat.arrival.thread.kill }
      @workers.stop(timeout: 0)
      Workflow.runtime.stop
      @code.close
      restore
    end

    # @return [Boolean] whether runs are about records, whether there are two workflows, and whether the record of a key is there
    def records? = !@code.records.nil?
    def beside? = @designs.first.key?(:beside)
    def there?(key) = !!@code.records&.there?(ApiCode.object(key))

    def inspect = "#<#{self.class}>"

    # @param operation [Array] its name and arguments
    # @raise [Difference]
    def perform(operation)
      name, *arguments = operation
      @world.now = moment
      done = send(:"do_#{name}", *arguments)
      return if done.nil?
      @performed += 1
      @succeeded[name] += 1 if done
      @door.forget { |message| @unbegun && message.is_a?(Door::Left) && @seats.none? { |seat| seat.arrival.thread.equal?(message.thread) } }
      surprises = @door.unheard
      raise Difference, "#{name}: nobody expected #{surprises.inspect}" if surprises.any?
      compare
    end

    private
      def engine = Workflow.engine

      # ---- Operations: words of the API ----

      def do_start(key, place, raising, tags = {})
        return if calls >= CALLS_MAX || said(@present, key).nil?
        options = { place: place, tags: (tags.transform_keys(&:to_sym) if tags.any?) }.compact
        name = [ ApiCode.workflow(key) ] - [ :workflow ]
        call = call(:start, raising) { @code.order(key).public_send(raising ? :start! : :start, *name, **options) }
        message = hear_of(call)
        settle
        expected, run, claim = @world.start(design(key), key, place: place, here: true, by: @caller, tags: tags)
        @ids << @code.order(key).workflows.first.id if expected == :started
        call.run, call.existing = run, expected == :existing
        landed(claim, message, call)
        same_class(run)
        true
      end

      # A run is about an object of its own class, wherever it is found again.
      def same_class(run)
        return if missing?(run)
        same("the class of what run #{run.number} is about", ApiCode.class_name(@designs[@present], run.key).to_s, theirs(run.number).subject.class.name)
        return unless child?(run.key)
        @succeeded[said(@present, run.key).equal?(@designs[@present]) ? :inherited : :replaced] += 1
      end

      def do_now(number, name, raising)
        return unless (run = run(number, name)) && calls < CALLS_MAX
        order = @code.order(run.key)
        raising &&= meant?(run, name) && order.workflow(ApiCode.workflow(run.key)).id == @ids[number] # the object's own word means its current run
        return barred(run) { theirs(number).now(name) } if missing?(run) && !raising
        call = call(:now, raising, run) { raising ? order.now!(name) : theirs(number).now(name) }
        message = hear_of(call)
        settle
        expected, claim = @world.now_here(run, name, @caller)
        call.raising, call.error = true, Workflow::NotPending if expected == :not_pending
        landed(claim, message, call)
        expected == :claimed
      end

      # Whether the code has the step, and in one workflow alone.
      def meant?(run, name)
        ApiCode::NAMES.each_index.map { |flow| run.key % ApiCode::BESIDE + flow * ApiCode::BESIDE }
          .select { |key| said(@present, key) && design(key)[name] != Reference::Design::GONE } == [ run.key ]
      end

      def do_later(number, name)
        return unless (run = run(number, name))
        return barred(run) { theirs(number).later(name) } if missing?(run)
        refused = refusal { theirs(number).later(name) }
        settle
        expected = @world.later(run, name)
        same("later", expected == :not_pending ? Workflow::NotPending : nil, refused)
        expected == :ok
      end

      # @param how [Symbol, nil] the input is sent, which may not fit what the await takes
      def do_submit(number, name, how = nil)
        return unless (run = run(number, name)) && calls < CALLS_MAX
        return barred(run) { theirs(number).submit(name, **sent(how)) } if missing?(run)
        wrong = read(run.step(name), sent(how)).last
        return misfit(run, run.step(name), sent(how), wrong) if wrong.any?
        return if run.step(name).judged? || run.step(name).claim&.handed == :await # see do_rival
        call = submission(number, name, how)
        message = hear_of(call)
        judged(run, name, call, message)
        !call.verdict || call.kept
      end

      # Refused by whoever looks at it first, whatever becomes of the run, which is as it was. Somebody who waits for an input
      # is told what is wrong, field by field.
      def misfit(run, step, input, wrong)
        submission = theirs(run.number).submit(step.name, **input)
        settle
        same("a misfit was accepted", [ false, false ], [ submission.accepted?, submission.kept? ])
        awaited = step.waiting? ? !step.over?(@world.now) : step.ahead? && design(run.key)[step.name].early
        return false unless awaited && run.open? && !run.halted
        errors = submission.errors.to_hash
        same("what is wrong with #{input}", wrong.keys.to_set, errors.keys.to_set)
        wrong.compact.each { |field, texts| same("what is wrong with #{field}", texts, errors[field]) }
        raised = refusal { theirs(run.number).submit!(step.name, **input) }
        same("a misfit raised", Workflow::Rejected, raised)
        @succeeded[:misfit] += 1
        true
      end

      # Two people at once: the second one hears when the first one's verdict is there, and is judged then.
      def do_rival(at, accept)
        seat = @seats[at]
        return unless seat && judging?(seat.claim) && seat.arrival.where == :body && !seat.claim.superseded? && calls < CALLS_MAX && !missing?(seat.claim.run)
        run, name = seat.claim.run, seat.claim.step.name
        rival = submission(run.number, name)
        accept ? do_complete(at) : do_reject(at)
        message = hear_of(rival)
        judged(run, name, rival, message)
        true
      end

      def do_retry(number, name)
        return unless (run = run(number, name))
        return barred(run) { theirs(number).retry(from: name&.to_sym) } if missing?(run)
        refused = refusal { theirs(number).retry(from: name&.to_sym) }
        settle
        expected = @world.retry(run, name, design(run.key), @caller)
        same("retry", expected == :ok ? nil : Workflow::NotPending, refused)
        expected == :ok
      end

      def do_cancel(number, reason)
        halted(number, -> { theirs(number).cancel(reason: reason) }) { |run| @world.cancel(run, reason, @caller) }
      end

      def do_pause(number, reason)
        halted(number, -> { theirs(number).pause(reason: reason) }) { |run| @world.pause(run, reason, @caller) }
      end

      def do_resume(number) = halted(number, -> { theirs(number).resume }) { |run| @world.resume(run, design_of(run), @caller) }

      # A person passes over a step, with or without saying why.
      def do_skip(number, name, reason)
        why = reason || "skipped by #{@caller}"
        return unless run(number, name)
        halted(number, -> { theirs(number).skip(name, reason: reason) }) { |run| @world.omit(run, name, design_of(run), why, @caller) }
      end

      # Each of them is refused in the same way.
      def halted(number, word)
        return unless (run = run(number))
        refused = refusal { word.call }
        settle
        before = run.journal.size
        expected = yield run
        same("halting", expected == :ok ? nil : Workflow::NotPending, refused)
        run.journal.size > before
      end

      # Whatever is asked of all runs: of a class or of one object, in a state, at a step under any of its names, with tags.
      def do_list(key, state, step, tags, flow = nil)
        asked = key || flow || 0 # of the class of which object
        part = step && parts_of(asked).find { |candidate| ApiCode.number(candidate[:name]) == ApiCode.number(step) }
        return if step && part.nil? || flow && said(@present, flow * ApiCode::BESIDE).nil?
        expected = (part ? called(part[:name], asked) : [ nil ]).flat_map { |name| @world.list(state: state, step: name, tags: tags) }.uniq
        expected.select! { |run| (key ? ApiCode.object(run.key) == key : of_class?(run, asked)) && (flow.nil? || run.key / ApiCode::BESIDE == flow) }
        query = queried(@code.order(asked), key, state, part, tags)
        query = query.named(ApiCode::NAMES[flow]) if flow
        same("list of #{query.inspect}", expected.map { |run| @ids[run.number] }.sort.reverse, query.map(&:id))
        same("count of #{query.inspect}", expected.size, query.count)
        same_current(key, flow) if key && flow
        @succeeded[:named] += 1 if flow && expected.any?
        expected.any?
      end

      # Records of a subclass are records of their class; plain objects are of one class.
      def of_class?(run, asked)
        return true if records? && !child?(asked)
        there?(run.key) || !records? ? child?(run.key) == child?(asked) : false
      end

      def child?(key) = ApiCode.class_name(@designs[@present], key) == ApiCode::CHILD
      def parts_of(key) = ApiCode.parts(@designs[@present], child: child?(key))

      # All that runs may call what the code calls so.
      def called(name, asked)
        parts_of(asked).select { |part| [ part[:name], *part[:was] ].include?(name) }.flat_map { |part| [ part[:name], *part[:was] ] }.uniq
      end

      # The run that an object means by the name of a workflow: of several that may be open, the newest.
      def same_current(key, flow)
        runs = @world.list(key: key + flow * ApiCode::BESIDE)
        current = runs.find { |run| run.unique && run.open? } || runs.first
        same("the current run", current && @ids[current.number], @code.order(key).workflow(ApiCode::NAMES[flow]).id)
      end

      def queried(order, key, state, part, tags)
        query = key ? order.workflows : order.class.workflows
        query = query.public_send(state) if state
        query = query.at(part[:name].to_sym) if part
        tags.empty? ? query : query.tagged(tags.transform_keys(&:to_sym))
      end

      # Another version of the class and of the file is loaded.
      def do_redefine(index)
        return if index == @present || index >= @designs.size
        @code.deploy(@present = index)
        true
      end

      # ---- Operations: records ----

      # With its callbacks: what the code of today says becomes of its open runs.
      def do_destroy(key)
        return unless there?(key)
        record = @code.records.destroy(@code.klass, key)
        settle
        cancelled = ending_with(key, @present)
        cancelled.each { |run| @world.cancel(run, "destroyed", @caller) }
        answered = @world.list.select { |run| ApiCode.object(run.key) == key }
        same("the runs that a destroyed record answers for", answered.map { |run| @ids[run.number] }, record.workflows.map(&:id))
        @succeeded[cancelled.any? ? :destroy_open : :destroy_kept] += 1
        true
      end

      # By a step of a run about it, which goes on; or by a reminder, or by what `while:` asks.
      def do_destroy_within(at)
        seat = @seats[at]
        return unless seat && %i[body otherwise remind while proc].include?(seat.arrival.where) && there?(key = ApiCode.object(seat.claim.run.key))
        seat.arrival.reply << [ :destroy!, {} ]
        seat.arrival = @door.hear("what comes of destroy!") { |heard| heard.thread.equal?(seat.arrival.thread) }
        settle
        return true unless @code.records.noticed?(key) # the object had been destroyed before, when the record was another one
        own, others = ending_with(key, seat.code).partition { |run| run.equal?(seat.claim.run) }
        others.each { |run| @world.cancel(run, "destroyed", seat.claim.by) }
        seat.claim.parting = "destroyed" if own.any?
        true
      end

      # The open runs that a record takes along.
      def ending_with(key, code)
        @world.runs.select { |run| run.open? && ApiCode.object(run.key) == key && said(code, run.key)&.fetch(:on_destroy) == :cancel }
      end

      def do_delete(key)
        return unless there?(key)
        @code.records.delete(@code.klass, key)
        true
      end

      def do_restore(key)
        return if !records? || there?(key)
        @code.records.restore(key)
        true
      end

      def missing?(run) = records? && !there?(run.key)

      # Of a run alone nothing can be asked that takes its record.
      # @return [false]
      def barred(run)
        same("what is asked of run #{run.number}, whose record is gone", Workflow::SubjectMissing, refusal { yield })
        false
      end

      def do_travel(hours)
        engine.travel(hours * Invention::HOUR_MS)
        @travelled += hours * Invention::HOUR_MS
        @world.now = moment
        true
      end

      # ---- Operations: workers ----

      # The core fires what is due and claims for its threads: twice as many steps as it is told of, less what they hold.
      def do_work(threads)
        do_travel(1) if due_soon?
        due = @world.due.any?
        threads = ALL if due || silent(@world.queue).any?
        return if undecided?(due, room = room_of(threads))
        early = due ? ready_in_time : []
        @world.fire(@worker) if due
        claims = []
        while claims.size < room && (claim = @world.take(@worker))
          claims << claim
        end
        return unless due || claims.any?
        working(threads) do
          claims.partition { |taken| unasking?(taken.step) }.reverse.flatten(1).each { |taken| landed(taken, hear_arrival(taken), nil) }
          wait_for_events
        end
        claimed_before(early)
        true
      end

      # What is due within moments is due at once: while somebody looks, it may become so.
      def due_soon?
        @world.runs.any? { |run| run.steps.any? { |step| step.due&.between?(@world.now, @world.now + SOON_MS) } }
      end

      def room_of(threads) = [ threads * 2, WORKERS ].min - @seats.count { |seat| seat.call.nil? }

      # What ends without a word of its own makes room for more at any moment; it is done when all that is ready has room.
      def undecided?(due, room)
        silent = silent(due ? @world.due + @world.queue : @world.queue)
        silent.any? && (due || @world.queue.size > room || !apart?(silent))
      end

      # Whether each of them ends without a word for any other.
      def apart?(silent)
        silent.size == 1 || silent.all? { |run,| missing?(run) } && silent.map(&:first).uniq.size == silent.size
      end

      # Steps that no code is called of: they are gone, or their records, or awaits that asked when they were gone and have nothing to ask now.
      def silent(found) = found.select { |run, step| missing?(run) || !carried?(step, @present) || unasking?(step) }
      def unasking?(step) = step.mode == :ask && carried?(step, @present) && !asks?(step, @present)

      # Steps of runs in which something is due may be claimed before that, or after: the order is not promised.
      def ready_in_time
        @world.queue.map do |run, step|
          next Reference::Errand.new(run, step, @worker, nil, :remind, false, false) if step.waiting?
          Reference::Claim.new(run, step, @worker, nil, step.mode || :step, false, step.met || false)
        end
      end

      # What was, though the run was over then, or the await that a reminder is about, is in hand for nothing. A step that runs
      # once is not begun then: its thread leaves without a word, at some moment.
      def claimed_before(early)
        early.select! { |claim| claim.run.ended? || claim.errand? && claim.step.reminder.nil? }
        @unbegun ||= early.any? { |claim| !claim.errand? && part(claim.step, @present)[:once] }
        all_heard = -> { engine.in_hand <= @seats.size }
        until all_heard.call
          message = @door.hear("what was claimed before the run was over", vain: all_heard) { |arrival| arrival.is_a?(Door::Arrival) } or break
          claim = early.find { |candidate| @ids[candidate.run.number] == message.run_id && named(candidate.step, @present) == message.step }
          claim ? landed(claim, message, nil) : same("what runs", nil, message)
        end
      end

      # ---- Operations: how code ends ----

      def do_complete(at)
        @counter += 1
        ended(at, :body, [ :return, "r#{@counter}" ]) do |seat, claim, design|
          next accepted(seat, claim, design) if judging?(claim)
          keep_result(claim, "r#{@counter}") unless claim.superseded? || claim.errand?
          @succeeded[:remind] += 1 if claim.errand? && !claim.superseded?
          @world.complete(claim, design)
        end
      end

      def do_raise(at, kind)
        @counter += 1
        error = ApiFailures::ERRORS.fetch(kind)
        message = "#{kind} #{@counter}"
        ended(at, nil, [ :raise, [ error, message ] ]) do |seat, claim, design|
          blame(seat, error, claim.handed == :await ? :fault : nil)
          next @world.reject(claim, design, message, fault: true) if judging?(claim)
          next unreminded(claim, design, message) if claim.errand?
          failed(seat, design, kind, message)
        end
      end

      # Whether and when it is tried again, the code says that the attempt was begun with.
      def failed(seat, design, kind, message)
        claim, part = seat.claim, part(seat.claim.step, seat.code)
        return @world.fail(claim, design, message) if claim.step.await? || part[:once]
        final = ApiFailures.final?(part, kind)
        @succeeded[:unlisted] += 1 if final && kind != :hopeless && claim.step.failures < part[:retries]
        @world.fail(claim, design, message, final: final, delay: delay(claim, part))
      end

      # As the log has it, which chance may have a say in.
      def delay(claim, part)
        due = due_again(claim) or return
        range = ApiFailures.wait(part, claim.attempt, claim.step.failures)
        same("when #{claim.step.name} is tried again", range, (due - @world.now).then { |wait| range.cover?(wait) ? range : wait })
        @succeeded[:"again_#{part[:pace] || "as_said"}"] += 1
        due - @world.now
      end

      def due_again(claim)
        said = [ :step_retried, @ids[claim.run.number], claim.step.name.to_sym ]
        milliseconds(fresh.reverse.find { |event| [ event.kind, event.run_id, event.step ] == said }&.due_at)
      end

      def do_reject(at)
        ended(at, nil, [ :reject, "no" ]) do |seat, claim, design|
          blame(seat, Workflow::Rejected, claim.handed == :await ? :rejected : nil) unless claim.handed == :judge
          next @world.reject(claim, design, "no", fault: false) if judging?(claim)
          @world.fail(claim, design, "no", final: true, reason: "rejected")
        end
      end

      def judging?(claim) = %i[await judge].include?(claim.handed)

      # When it is tried again, chance has a say in; within an hour, so that it is due at once here.
      def unreminded(claim, design, message)
        due = fresh.reverse.find { |event| event.kind == :reminded }&.due_at unless claim.superseded?
        delay = due ? milliseconds(due) - @world.now : 0
        same("how soon it is reminded again", true, delay.between?(0, Invention::HOUR_MS))
        @world.fail(claim, design, message, delay: delay)
        do_travel(1)
        nil
      end

      # A condition answers.
      def do_answer(at, met)
        seat = @seats[at]
        return unless seat && seat.arrival.where == :condition
        name = seat.claim.step.name
        word = ApiCode.word(name)
        reply = [ :return, met == (word == :if) ]
        return go_in(seat, reply) if met && seat.claim.handed == :step
        ended(at, :condition, reply) do |_, claim, design|
          met ? @world.open(claim, design) : @world.skip(claim, design, "#{word}: asked_#{ApiCode.number(name)}")
        end
      end

      # What `while:` asks answers.
      def do_allow(at, allowed)
        seat = @seats[at]
        return unless seat&.asked_while?
        return go_in(seat, [ :return, true ]) if allowed && stages(seat.claim, seat.code).last != seat.arrival.where
        ended(at, seat.arrival.where, [ :return, allowed ]) do |_, claim, design|
          allowed ? @world.open(claim, design) : forbidden(seat, claim)
        end
      end

      # Whoever has the turn cancels the run.
      def forbidden(seat, claim)
        seat.call.verdict = :refused if claim.handed == :await
        asked = ApiCode.whiles(said(seat.code, claim.run.key))
        @succeeded[seat.arrival.where == asked.first ? :forbid : :forbid_later] += 1 unless claim.superseded?
        @world.halt(claim, :cancel, @code.over(seat.arrival.where))
      end

      # A body says how far it is: a durable event, and a checkpoint.
      def do_progress(at, with_cursor)
        seat = @seats[at]
        @counter += 1
        cursor = with_cursor ? @counter : seat&.claim&.step&.progress&.last
        said = [ @counter, @counter * 2, "said #{@counter}", cursor ]
        options = { of: said[1], message: said[2] }.merge(with_cursor ? { cursor: cursor } : {})
        says(at, [ :progress, { words: said.first(1), options: options } ]) { |claim| @world.say(claim, :progressed, progress: said) }
      end

      def do_note(at)
        @counter += 1
        says(at, [ :note, { words: [ :found ], options: { number: @counter } } ]) { |claim| @world.say(claim, :noted, reason: "found") }
      end

      def do_checkpoint(at) = says(at, [ :checkpoint, {} ])

      # It goes on, or has to leave: Interrupted where it is nobody's any more, Cancelled where its run is to end. Which of
      # its questions says so is a matter of moments: a checkpoint asks the store five times a second at most.
      def says(at, reply)
        seat = @seats[at]
        return unless seat && %i[step otherwise].include?(seat.claim.handed) && !ASKING.include?(seat.arrival.where)
        seat.arrival.reply << reply
        message = @door.hear("what comes of #{reply.first}") { |heard| heard.thread.equal?(seat.arrival.thread) }
        settle
        wanted = !seat.claim.superseded? && !seat.claim.run.cancelling?
        yield seat.claim if block_given? && (wanted || fresh.any? { |event| %i[progressed noted].include?(event.kind) })
        stays = message.is_a?(Door::Arrival)
        same("whether it stays", wanted, stays) unless reply.first == :checkpoint && stays
        stays ? seat.arrival = message : leave(seat, message)
        true
      end

      def leave(seat, message)
        @seats.delete(seat)
        @succeeded[:leave] += 1
        seat.call.error ||= seat.claim.superseded? ? Workflow::Interrupted : Workflow::Cancelled if seat.call
        interrupted(seat.claim)
        conclude(seat.call, message) if seat.call
      end

      # What it has made pointless is cancelled all the same.
      def interrupted(claim)
        @world.cancel(claim.run, claim.parting, claim.by) if claim.parting
        claim.parting = nil
        @world.give_back(claim)
      end

      # The thread is killed, a worker's or a caller's.
      def do_kill(at)
        seat = @seats.delete_at(at) if at < @seats.size
        return unless seat
        seat.arrival.thread.kill
        seat.arrival.thread.join(Door::HEAR_S) or raise Difference, "a killed thread goes on: #{seat.arrival.inspect}"
        @door.forget { |message| message.thread.equal?(seat.arrival.thread) }
        settle
        @succeeded[:interrupt] += 1 if seat.claim.step.begun && !seat.claim.superseded?
        interrupted(seat.claim)
        true
      end

      # ---- Calls ----

      def calls = @seats.count(&:call)

      # @return [Call] under way
      def call(kind, raising, run = nil, input: nil)
        call = Call.new(kind, raising, run, false, nil, @present, nil, nil, input)
        call.thread = Thread.new do
          @door.tell(Door::Outcome.new(Thread.current, yield, nil))
        rescue StandardError, ScriptError => error
          @door.tell(Door::Outcome.new(Thread.current, nil, error))
        end
        call
      end

      # Its first sign of life: code of it at the door, or its end.
      def hear_of(call) = @door.hear(call.kind.to_s) { |message| message.thread.equal?(call.thread) }

      def submission(number, name, how = nil)
        input = sent(how)
        @counter += 1
        made = read(run(number).step(name), input).first
        @succeeded[:cast] += 1 if made != input
        call(:submit, false, run(number), input: made) { theirs(number).submit(name, **input) }
      end

      def sent(how) = ApiFields::SENT.fetch(how).call(@counter)
      # As the present code reads it, if it has such an await.
      def read(step, input) = ApiFields.read((part(step, @present) || {})[:fields], input)

      def judged(run, name, call, message)
        settle
        expected, claim = @world.submit(run, name, @caller)
        call.verdict = early(run, name, call) if expected == :not_waiting
        landed(claim, message, call)
      end

      # An input before its time is kept, where the code says so.
      def early(run, name, call)
        return :refused unless @world.keep(run, name, design(run.key, call.code), @caller) == :ok
        @kept[[ run.number, name ]] = call.input
        @succeeded[:keep] += 1
        call.kept = true
        :accepted
      end

      # @return [Class, nil] of the error
      def refusal
        yield
        nil
      rescue Workflow::Error => error
        error.class
      end

      # The run as the API shows it, on an object of the present code.
      def theirs(number)
        @code.order(@world.runs[number].key).workflows.find { |run| run.id == @ids[number] } or
          raise Difference, "run #{number} is not among the runs of its object"
      end

      # ---- What follows ----

      # Either code of the claim has come to the door, or the call is over as it should be.
      def landed(claim, message, call)
        return conclude(call, message) unless claim
        code = call ? call.code : @present
        return unfound(claim, message) if call.nil? && missing?(claim.run)
        return vanished(claim, message, call) unless carried?(claim.step, code)
        return opened(claim, message) if call.nil? && claim.handed == :ask && unasking?(claim.step)
        expected = [ @ids[claim.run.number], named(claim.step, code), where(claim, code) ]
        actual = message.is_a?(Door::Arrival) ? [ message.run_id, message.step, message.where ] : message
        same("what runs next", expected, actual)
        attempt = claim.errand? ? claim.step.reminder&.tries || message.attempt : claim.step.attempts
        same("attempt of #{claim.step.name}", attempt, message.attempt) unless claim.handed == :await
        same("cursor of #{claim.step.name}", claim.step.progress&.last, message.cursor) if claim.handed == :step
        claim.entered = true
        @world.begin(claim) if message.where == :body && once?(claim, code)
        @seats << Seat.new(claim, message, call, code, @present)
        look_at_input(@seats.last)
        @succeeded[:renamed] += 1 if message.step != claim.step.name.to_sym
        true
      end

      # By a worker that had nothing to ask. What comes then, is taken by those who are at work.
      def opened(claim, message)
        same("what comes of an await that asks nothing", Door::Left, message.class)
        settle
        following = @world.open(claim, design(claim.run.key)) || @world.take(@worker)
        following ? landed(following, hear_arrival(following), nil) : true
      end

      # What came early is as it was read then, whatever the code says by now.
      def look_at_input(seat)
        claim = seat.claim
        given = { await: seat.call&.input, judge: @kept[[ claim.run.number, claim.step.name ]] }.fetch(claim.handed, {})
        same("what #{claim.step.name} was given", given, seat.arrival.input) if seat.arrival.where == :body
      end

      def where(claim, code) = stages(claim, code).first

      # Whom it asks before what.
      def stages(claim, code)
        [ *ApiCode.whiles(said(code, claim.run.key)), *own_stages(claim, code) ].compact
      end

      def own_stages(claim, code)
        return [ :remind ] if claim.errand?
        return [ :otherwise ] if claim.handed == :otherwise
        asked = !judging?(claim) && !claim.met && ApiCode.asks?(part(claim.step, code))
        [ (:condition if asked), (:body unless claim.handed == :ask) ]
      end

      # Whether an await has somebody to ask before it opens.
      def asks?(step, code) = ApiCode.whiles(said(code, key_of(step))).any? || ApiCode.asks?(part(step, code))

      # There is nothing to call a method of.
      def unfound(claim, message)
        same("what comes of a step whose record is gone", Door::Left, message.class)
        settle
        error = "#{ApiCode::CLASS} #{@code.records.id(ApiCode.object(claim.run.key))} is not in the database any more. Bring it back, then retry its run; or leave the run as it is."
        @world.fail(claim, design(claim.run.key), error, final: true, reason: "subject_missing")
        @succeeded[:unfound] += 1
        true
      end

      # The code has no such step: whoever holds it puts the run down, and says what there was and what there is.
      def vanished(claim, message, call)
        same("what comes of a step that is gone", call ? Door::Outcome : Door::Left, message.class)
        settle
        claim.step.told = told?(claim) unless claim.errand?
        why = claim.run.halted ? claim.run.why : theirs(claim.run.number).reason
        said = / has (no step #{claim.step.name} any more\.|[rs]\d as )/
        same("the reason of the pause", said, why.to_s[said] ? said : why) unless claim.run.halted
        claim.entered = true
        @world.halt(claim, :pause, why)
        @succeeded[:vanish] += 1
        return true unless call
        call.error ||= Workflow::StepVanished
        call.verdict = :refused if claim.handed == :await
        conclude(call, message)
        true
      end

      def conclude(call, message)
        raise Difference, "#{call.kind} is over, says the model, but goes on: #{message.inspect}" unless message.is_a?(Door::Outcome)
        same("#{call.kind} raised", expected_error(call), message.error&.class)
        return if message.error
        same("#{call.kind} was accepted", call.verdict == :accepted, message.value.accepted?) if call.kind == :submit
        same("#{call.kind} was kept", !!call.kept, message.value.kept?) if call.kind == :submit
        run = call.kind == :submit ? message.value.run : message.value
        same("#{call.kind} returned the run", [ @ids[call.run.number], call.existing ], [ run.id, run.existing? ])
      end

      def expected_error(call)
        return call.error if call.verdict == :fault
        call.error if call.raising
      end

      # Code that waited is told how it ends; then the model, with the code that it was begun with.
      def ended(at, where, reply)
        seat = @seats[at]
        return unless seat && (where.nil? || seat.arrival.where == where || where == :body && !ASKING.include?(seat.arrival.where))
        @seats.delete_at(at)
        seat.arrival.reply << reply
        message = seat.call ? hear_of(seat.call) : hear_left(seat)
        settle(:first)
        seat.claim.step.told = told?(seat.claim) unless seat.claim.superseded?
        following = yield seat, seat.claim, design(seat.claim.run.key, seat.code, seat.places)
        return landed(following, message, seat.call) || true if seat.call
        goes_on(following) if following
        true
      end

      # Whether the log has it that the attempt began.
      # Since it was scheduled last: attempts are counted anew in another mode.
      def told?(claim)
        run, step = claim.run, claim.step
        said = %i[step_scheduled step_started].map { |kind| [ kind, step.name.to_sym, step.attempts, step.round ] }
        Workflow.engine.events(@ids[run.number], 0, 1000).map { |row| row.values_at(3, 4, 5, 6) }.select { |row| said.include?(row) }.last == said.last
      end

      def hear_left(seat)
        @door.hear("the end of #{seat.claim.step.name}") do |message|
          message.is_a?(Door::Left) && message.thread.equal?(seat.arrival.thread)
        end
      end

      # What follows is claimed for the workers; what no thread took within moments goes back to everybody.
      def goes_on(claim)
        return stopped(claim) if silent([ [ claim.run, claim.step ] ]).any?
        message = hear_arrival(claim, vain: -> { engine.in_hand == @seats.size })
        message ? landed(claim, message, nil) : @world.give_back(claim)
      end

      # Nobody's in the end: put down or opened, or not taken in time. An input that came early may be judged already by then.
      def stopped(claim)
        @door.wait("the end of #{claim.step.name}, of which no code is called") { engine.in_hand == @seats.size || at_door?(claim) }
        settle
        told = @world.runs.sum { |run| run.journal.size }
        return @world.give_back(claim) if fresh.size == told
        return unfound(claim, hear_gone) if missing?(claim.run)
        return vanished(claim, hear_gone, nil) unless carried?(claim.step, @present)
        hear_gone
        @world.open(claim, design(claim.run.key))&.then { |following| goes_on(following) }
      end

      def at_door?(claim)
        return false unless carried?(claim.step, @present)
        @door.unheard.any? { |message| arrival?(message, claim) }
      end

      def arrival?(message, claim)
        message.is_a?(Door::Arrival) && message.run_id == @ids[claim.run.number] && message.step == named(claim.step, @present)
      end

      def hear_gone = @door.hear("the end of a step that is gone") { |message| message.is_a?(Door::Left) }

      def hear_arrival(claim, vain: nil)
        return hear_gone if silent([ [ claim.run, claim.step ] ]).any?
        @door.hear("#{claim.step.name} by a worker", vain: vain) { |message| arrival?(message, claim) && message.reminder == claim.errand? }
      end

      # Who was asked says yes, what follows begins: the same attempt.
      def go_in(seat, reply)
        claim, asked = seat.claim, seat.arrival.where
        following = stages(claim, seat.code).then { |stages| stages[stages.index(asked) + 1] }
        seat.arrival.reply << reply
        message = @door.hear("#{following} of #{claim.step.name}") { |heard| heard.thread.equal?(seat.arrival.thread) }
        settle
        return leave(seat, message) || true if following == :body && once?(claim, seat.code) && @world.begin(claim) == :stale
        same("after #{asked}", following, message.is_a?(Door::Arrival) ? message.where : message)
        seat.arrival = message
        look_at_input(seat)
        claim.met = true if asked == :condition
        true
      end

      # Whether that its method is entered is in the log before: then it is entered once only.
      def once?(claim, code) = claim.handed == :step && !!part(claim.step, code)[:once]

      def accepted(seat, claim, design)
        seat.call.verdict = claim.superseded? ? :refused : :accepted if claim.handed == :await
        key = [ claim.run.number, claim.step.name ]
        @inputs[key] = claim.handed == :await ? seat.call.input : @kept[key] unless claim.superseded?
        @succeeded[:judge] += 1 if claim.handed == :judge && !claim.superseded?
        @world.accept(claim, design)
      end

      def keep_result(claim, value)
        @results[[ claim.run.number, claim.step.name ]] = value if ApiCode.result?(claim.step.name)
      end

      def blame(seat, error, verdict)
        return unless seat.call
        seat.call.error ||= error
        seat.call.verdict = verdict if verdict
      end

      # ---- The core ----

      def working(threads)
        engine.work(threads, @worker)
        yield
      ensure
        engine.work(0, @worker)
        settle
      end

      def wait_for_events
        wanted = @world.runs.sum { |run| run.journal.size }
        deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + Door::HEAR_S
        until fresh.size >= wanted
          raise Difference, "#{fresh.size} events of #{wanted} expected" if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline
          engine.wait_log(engine.last_position, 20)
        end
      end

      # What was recorded in this operation. That an attempt has begun is told at any time.
      def fresh = Workflow.events(after: @position).reject { |event| event.kind == :step_started }

      # An answer from the committer: whatever was handed in before is recorded; the moment is when. What follows by itself may
      # be recorded moments later, and by then is the last.
      def settle(which = :last)
        engine.later("0000000000000", "none")
        event = fresh.reject { |told| told.kind == :run_paused || told.reason == "subject_missing" }.public_send(which)
        @world.now = milliseconds(event.at) if event
      end

      def moment = Process.clock_gettime(Process::CLOCK_REALTIME, :millisecond) + @travelled
      def milliseconds(time) = time && (time.to_r * 1000).round
      # @param name [String, nil] of a step that it is to have: a list that is shortened may name one of another run
      def run(number, name = nil) = @world.runs[number]&.then { |run| run if name.nil? || run.step(name) }

      # What the code says of a step of a run, which may be called otherwise there.
      def part(step, code) = said(code, key_of(step))[:parts].find { |part| part[:name] == design(key_of(step), code)[step.name].name }
      def named(step, code) = design(key_of(step), code)[step.name].name.to_sym
      def carried?(step, code) = design(key_of(step), code).carries?(step)
      def said(code, key) = ApiCode.said(@designs[code], key)
      def key_of(step) = @world.runs.find { |run| run.steps.any? { |other| other.equal?(step) } }.key

      # The model's design of a workflow as it was loaded, with the places that the file gives now: that is how they are read.
      def design(key, code = @present, places = @present)
        @models ||= {}
        @models[[ said(code, key).object_id, places ]] ||= said(code, key).then { |said| Reference::Design.new(modelled(said, @designs[places]), said[:unique]) }
      end

      # Nobody knows of which class a record was that is gone: what its parent's code says of the run, counts.
      def design_of(run)
        design = @designs[@present]
        return design(run.key) unless design[:heir] && missing?(run)
        said = ApiCode.said(design.except(:heir), run.key)
        Reference::Design.new(modelled(said, design), said[:unique])
      end

      # With a place: another version's file may give it, to the workflow that runs what has the name; else it is the word in front
      # of the step, whatever that was when the run began. And an await that has to ask the workflow first, asks.
      def modelled(design, others)
        design[:parts].map do |part|
          place = ([ part[:name], *part[:was] ].filter_map { |name| place(name, others) }.first || part[:kind]) unless part[:kind] == :await
          part.merge(place: place, asks: part[:asks] || ApiCode.whiles(design).any?).compact.slice(*Reference::Design::Part.members)
        end
      end

      def place(name, design) = ApiCode.parts(design.except(:heir)).filter_map { |part| part[:place] if part[:name] == name }.first

      # ---- Comparing ----

      def same(what, expected, actual)
        return if expected == actual
        raise Difference, "#{what}:\n  the model says #{expected.inspect}\n  the API says   #{actual.inspect}"
      end

      def compare
        @position = Workflow.events(after: @position).last&.position || @position
        found = Hash.new { |runs, key| runs[key] = @code.order(key).workflows.to_h { |run| [ run.id, run ] } }
        @world.runs.each { |run| compare_run(run, found[run.key][@ids[run.number]]) }
      end

      def compare_run(run, theirs)
        raise Difference, "run #{run.number} is not among the runs of its object" unless theirs
        compare_events(run, theirs)
        same("state of run #{run.number}", run.state, theirs.state)
        same("tags of run #{run.number}", run.tags.transform_keys(&:to_sym), theirs.tags)
        same("whether run #{run.number} is being cancelled", run.cancelling?, theirs.cancelling?)
        same("why run #{run.number} is halted", run.why, attended(theirs.reason)) if run.halted || run.ending == :cancelled
        same("steps of run #{run.number}", shown(run), theirs.steps.map(&:name))
        run.steps.zip(theirs.steps) { |step, other| compare_step(run, step, theirs, other) }
      end

      # Threads are lent to the worker one by one here: that there is none for a while is not the model's.
      def attended(reason) = (reason unless reason == Workflow::Run::UNATTENDED)

      # Under the names of today, unless another step of the run has it.
      def shown(run)
        taken = run.steps.map(&:name)
        run.steps.map do |step|
          name = design(records? ? run.key / ApiCode::BESIDE * ApiCode::BESIDE : run.key)[step.name].name # without the record its type is not known
          next step.name.to_sym if name.nil? || taken.include?(name)
          taken << name
          name.to_sym
        end
      end

      def compare_events(run, theirs)
        events = theirs.events(after: @versions[run.number])
        same("versions of run #{run.number}", (@versions[run.number] + 1..).first(events.size), events.map(&:version))
        @versions[run.number] = events.last.version if events.any?
        actual = events.reject { |event| event.kind == :step_started }
        same("events of run #{run.number}", run.journal.slice!(0..).map(&:to_a), actual.map { |event| seen(event) })
        actual.each { |event| ready_since(run.step(event.step.to_s), event) if event.kind == :step_scheduled }
      end

      # The core alone knows to the millisecond, and goes by it.
      def ready_since(step, event)
        step.since = milliseconds(event.at) if step.ready?
        step.reminder.since = milliseconds(event.at) if step.reminder&.ready?
      end

      def seen(event)
        [ event.kind, event.step&.to_s, event.attempt, event.step && event.round, event.reason, milliseconds(event.due_at), event.by ]
      end

      def compare_step(run, step, theirs, other)
        state = step.ready? && step.claim&.entered && other.running? ? :ready : other.state
        actual = { state: state, attempts: other.attempts, round: other.round, reason: attended(other.reason), due: milliseconds(other.due_at),
          error: other.error&.message, kept: other.kept?, remind: milliseconds(other.remind_at), progress: other.progress&.to_a }
        expected = { state: step.state, attempts: step.attempts, round: step.round, reason: step.reason, due: step.due, error: step.error,
          kept: !!step.kept, remind: step.reminder&.due, progress: step.progress }
        same("step #{step.name} of run #{run.number}", expected, actual)
        compare_values(run, step, theirs) if step.state == :completed
      end

      def compare_values(run, step, theirs)
        key = [ run.number, step.name ]
        same("result of #{step.name}", @results[key], theirs.result(step.name)) unless step.await?
        same("input of #{step.name}", @inputs[key], theirs.input(step.name)) if step.await?
      end

      # ---- The configuration, as Rails gives it: with what worker threads run steps in ----

      def configure(directory)
        present = Workflow.configuration
        @before = %i[root environment wrapper store lease].to_h { |name| [ name, present.public_send(name) ] }
        Workflow.configure do |configuration|
          configuration.store = "sqlite:#{directory}/log.sqlite3"
          configuration.lease = LEASE_S
          configuration.file = "#{directory}/workflow.yml"
        end
        present.adopt(root: directory, environment: "model", wrapper: leaving)
      end

      def leaving
        door = @door
        lambda do |&block|
          block.call
        ensure
          door.tell(Door::Left.new(Thread.current)) if Workflow::Role.worker?
        end
      end

      def restore
        before = @before
        Workflow.configure do |configuration|
          configuration.store = before[:store]
          configuration.lease = before[:lease]
          configuration.file = "config/workflow.yml"
        end
        Workflow.configuration.adopt(root: before[:root], environment: before[:environment], wrapper: before[:wrapper])
      end
  end
end
