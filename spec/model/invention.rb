# frozen_string_literal: true

module Differential
  # Makes up definitions and operations out of one seed.
  class Invention
    HOUR_MS = 3_600_000
    STEPS_MAX = 7
    KEYS = 2
    RUNS_MAX = 4

    DISASTERS_PER_MILLION = 4_000 # operations: each takes a process

    def initialize(random)
      @random = random
      @luck = Random.new(random.seed + 2) # the same, of definitions
      @faith = Random.new(random.seed + 4) # and of what is pledged, and begun again
      @patience = Random.new(random.seed + 3) # and of attempts that take too long
      @parting = Random.new(random.seed + 9) # and of who is the last of its run
      @fate = Random.new(random.seed + 1) # of its own, so that what happens rarely does not move all the rest
    end

    # @return [Array<Hash>] a workflow as its code changes: its options, now and then its steps
    def designs
      unique = chance(70)
      first = Array.new(1 + @random.rand(STEPS_MAX)) { |index| shape(index) }
      group(first)
      [ first, *later_versions(first) ].map { |parts| { unique: unique, parts: parts.map { |part| part.merge(options(part)) } } }
    end

    # @param session [Session] what may be done depends on what is there, four times in five
    # @return [Array]
    def operation(session)
      found = disaster(session)
      return found if found
      return [ :settle, @faith.rand(session.doubted.size), @faith.rand(2).zero? ] if session.doubted.any? && @faith.rand(8).zero?
      return list if chance(10)
      chance(80) && sensible(session) || anything(session)
    end

    private
      def later_versions(first) = Array.new(@random.rand(3)) { chance(50) ? first : reshape(first) }

      # Another process dies, or hangs and wakes up.
      def disaster(session)
        return [ :wake, @fate.rand(3).zero? ? :fail : :complete ] if session.sleeping? && @fate.rand(5).zero?
        return if @fate.rand(1_000_000) >= DISASTERS_PER_MILLION
        entered = @fate.rand(4).positive?
        @fate.rand(2).zero? ? [ :crash, entered, 1 + @fate.rand(3) ] : [ :hang, entered ]
      end

      def chance(percent) = @random.rand(100) < percent
      def one(list) = list[@random.rand(list.size)]

      def shape(index)
        before = (0...index).to_a
        after = chance(60) ? before.last(1) : before.shuffle(random: @random).first(@random.rand(3))
        { name: "s#{index}", kind: one(%i[now now later later await]), after: after.map { |number| "s#{number}" } }
      end

      # A step is taken out, called otherwise (which is said, or forgotten), of another kind, or all are in another order.
      def reshape(parts)
        parts = parts.map(&:dup)
        take_out(parts) if parts.size > 1 && chance(50)
        call_otherwise(parts, one(parts)) if chance(60)
        turn_into(one(parts)) if chance(25)
        chance(30) ? parts.shuffle(random: @random) : parts
      end

      # What came after it comes after what was before it.
      def take_out(parts)
        gone = parts.delete_at(@random.rand(parts.size))
        parts.each { |part| part[:after] = part[:after].flat_map { |name| name == gone[:name] ? gone[:after] : [ name ] }.uniq }
      end

      def call_otherwise(parts, renamed)
        old, renamed[:name] = renamed[:name], renamed[:name].tr("s", "r")
        renamed[:was] = [ old ] if chance(80)
        parts.each { |part| part[:after] = part[:after].map { |name| name == old ? renamed[:name] : name } }
      end

      def turn_into(part)
        part[:kind] = part[:kind] == :await ? one(%i[now later]) : :await unless part[:either]
      end

      # Awaits that come after the same steps, now and then, are a group of which one is enough.
      def group(parts)
        awaits = parts.select { |part| part[:kind] == :await }
        return unless awaits.size > 1 && chance(60)
        chosen = awaits.first(2 + @random.rand(awaits.size - 1))
        chosen.each { |part| part.update(after: chosen.first[:after], either: 1) }
        inner = chosen.map { |part| part[:name] }
        parts.each { |part| part[:after] -= inner if chosen.include?(part) }
      end

      def options(part)
        part[:kind] == :await ? await_options : step_options
      end

      def step_options
        { retries: chance(50) ? 0 : 1 + @random.rand(2), backoff: HOUR_MS * (1 + @random.rand(3)), place: one([ nil, nil, :now, :later ]),
          wait: delay }.compact.then { |said| @luck.rand(4).zero? ? said.merge(once: true, retries: 0) : said }
      end

      def await_options
        { expires: chance(50) ? HOUR_MS * (1 + @random.rand(5)) : nil, otherwise: chance(50) ? "otherwise" : nil, wait: delay,
          asks: chance(25), early: chance(50), remind: chance(40) ? HOUR_MS * (1 + @random.rand(4)) : nil }.compact
      end

      def delay = chance(15) ? HOUR_MS * (1 + @random.rand(4)) : nil

      TAGS = [ {}, { "plan" => "pro" }, { "plan" => "free" }, { "plan" => "pro", "size" => "5" } ].freeze

      def list
        step = "s#{@random.rand(STEPS_MAX)}" if chance(30)
        [ :list, chance(30) ? @random.rand(KEYS) : nil, chance(60) ? one(%i[running waiting retrying scheduled failed done expired]) : nil,
          step, one(TAGS) ]
      end

      def sensible(session)
        held = session.hands.each_index.select { |at| session.hands[at].claim }
        return ending(session, one(held)) if held.any? && chance(55)
        at = (session.hands.each_index.to_a - held).first
        return if at.nil?
        claiming(session, at)
      end

      def ending(session, at)
        return [ :part, at ] if @parting.rand(session.hands[at].claim.handed == :judge ? 8 : 80).zero?
        return [ :begin, at ] if session.beginnable?(at) && @luck.rand(3).positive?
        return [ :dwell, at ] if @random.rand(400).zero? # it takes its time
        return [ :vanish, at, chance(80) ] if session.gone?(at) && chance(50)
        return [ :halt_instead, at, one(%i[cancel pause pause]), chance(80) ] if chance(2)
        return [ :doubt, at ] if session.hands[at].claim.pledged && @faith.rand(3).zero?
        return [ :overrun, at, @patience.rand(5).zero?, HOUR_MS * (1 + @patience.rand(3)) ] if @patience.rand(15).zero?
        case session.hands[at].claim.handed
        when :await then one([ [ :accept, at ], [ :accept, at ], [ :reject, at, chance(50) ], [ :give_back, at, chance(50) ] ])
        when :judge then one([ [ :accept, at ], [ :accept, at ], [ :reject, at, chance(50) ], [ :give_back, at, chance(50) ], unhappy(at) ])
        when :remind then one([ [ :complete, at, true ], [ :complete, at, false ], [ :give_back, at, chance(50) ], [ :fail, at, chance(20), nil, chance(80) ] ])
        when :ask then one([ [ :open, at, true ], [ :open, at, chance(50) ], [ :skip, at, chance(80) ], unhappy(at) ])
        else one([ [ :complete, at, true ], [ :complete, at, chance(70) ], [ :complete, at, true ], [ :skip, at, chance(80) ], unhappy(at) ])
        end
      end

      def unhappy(at)
        case @random.rand(12)
        when 0..6 then [ :fail, at, chance(20), chance(30) ? HOUR_MS * 2 : nil, chance(80) ]
        when 7..8 then [ :met, at ]
        when 9..11 then [ :give_back, at, chance(50) ]
        end
      end

      def claiming(session, at)
        return halting(session) if session.world.runs.any? && chance(8)
        steps = session.world.runs.flat_map { |run| run.steps.map { |step| [ run.number, step ] } }
        waiting = steps.select { |_, step| step.waiting? }
        return submission(at, one(waiting)) if waiting.any? && chance(35)
        ahead = steps.select { |_, step| step.ahead? }
        return keeping(one(ahead)) if ahead.any? && chance(12)
        return [ :take, at ] if steps.any? { |_, step| step.reminder&.ready? } && chance(30)
        failed = steps.select { |_, step| step.failed? }
        return again(one(failed)) if failed.any? && chance(40)
        hurried = steps.select { |_, step| step.retrying? || step.delayed? || step.ready? }
        return hurry(at, one(hurried)) if hurried.any? && chance(25)
        return [ :take, at ] if hurried.any? && chance(75)
        beginning(session, at)
      end

      # A paused run goes on more often than not.
      def halting(session)
        run = one(session.world.runs)
        return [ :resume, run.number ] if run.paused? && chance(70)
        omitted = [ :omit, run.number, one(run.steps).name ]
        one([ [ :pause, run.number, "hold on" ], [ :pause, run.number, nil ], omitted, omitted, [ :cancel, run.number, "no more" ] ])
      end

      def submission(at, found) = [ :submit, at, found.first, found.last.name, @faith.rand(3).zero? ]
      def keeping(found) = [ :keep, found.first, found.last.name ]
      def again(found) = [ :retry, found.first, chance(60) ? nil : found.last.name ]
      def hurry(at, found) = chance(60) ? [ :now, at, found.first, found.last.name ] : [ :later, found.first, found.last.name ]

      def beginning(session, at)
        return [ :tick ] if session.world.runs.size >= RUNS_MAX && chance(50)
        return passing if session.world.runs.size >= RUNS_MAX
        [ :start, chance(70) ? at : nil, @random.rand(KEYS), one([ nil, nil, nil, :now, :later ]), one(TAGS), *told_apart ]
      end

      # Some starts have an id, or a token, that another one had.
      def told_apart = [ [ nil, @faith.rand(4), @faith.rand(4) ][@faith.rand(3)], [ nil, nil, "t#{@faith.rand(3)}" ][@faith.rand(3)] ]

      def passing = one([ [ :travel, 1 + @random.rand(6) ], [ :travel, 1 + @random.rand(6) ], [ :travel, -1 - @random.rand(3) ], [ :redefine, @random.rand(3) ] ])

      def anything(session)
        number = @random.rand([ session.world.runs.size, 1 ].max)
        name = session.world.runs.empty? ? "s0" : one(session.world.runs[number].steps).name
        at = @random.rand(session.hands.size)
        one([ [ :now, at, number, name ], [ :later, number, name ], [ :submit, at, number, name ], [ :keep, number, name ], [ :retry, number, one([ nil, name ]) ],
          [ :give_back, at, chance(50) ], [ :take, at ], [ :tick ], passing, passing, [ :pause, number, "hold on" ], [ :resume, number ],
          [ :resume, number ], [ :omit, number, name ], chance(40) ? [ :cancel, number, nil ] : [ :resume, number ],
          [ :halt_instead, at, one(%i[cancel pause]), chance(80) ], [ :start, one([ nil, at ]), @random.rand(KEYS), nil, {}, *told_apart ],
          chance(4) ? [ :dwell, at ] : [ :tick ] ])
      end
  end
end
