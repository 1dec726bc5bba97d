# frozen_string_literal: true

require_relative "invention"

module Differential
  # Operations for ApiSession, out of the same seed.
  class ApiInvention < Invention
    # All that can be done; model_spec.rb wants each to have had an effect.
    KINDS = %i[start now later submit rival retry redefine travel work complete raise reject answer kill
      cancel pause resume skip keep judge remind vanish renamed
      progress note checkpoint leave list interrupt
      unlisted again_as_said again_constant again_doubled again_by_attempt again_out_of_order
      misfit cast allow forbid forbid_later named inherited replaced destroy destroy_within destroy_open destroy_kept delete restore unfound].freeze

    FITTING = [ nil, nil, nil, :form, :wild ].freeze

    def initialize(random)
      super
      @manner = Random.new(random.seed + 5) # of options that are Ruby's alone, so that they do not move the rest
      @form = Random.new(random.seed + 8) # and of how they are written
    end

    # What runs are about stays a record, or a plain object; and whether there is another workflow besides, or a subclass.
    def designs
      records, child, first = any([ true, false ]), any([ true, nil ]), super
      besides = any([ true, false ]) ? others : []
      heirs = child ? others : []
      first.each_with_index.map do |design, version|
        beside, heir = [ besides, heirs ].map { |list| list[version % list.size] if list.any? }
        heir = nil if any([ true, false ])
        with_options(design, records).merge({ child: child, beside: beside && with_options(beside, records),
          heir: heir && with_options(heir.merge(unique: design[:unique]), records) }.compact)
      end
    end

    # @param session [ApiSession]
    # @return [Array]
    def operation(session)
      return list if chance(6)
      return one_of_records(session) if session.records? && @manner.rand(12).zero?
      return ending(session) if session.seats.any? && chance(50)
      chance(85) && sensible(session) || anything(session)
    end

    private
      # There are few of these sequences, so they change more, and wait more.
      def later_versions(first) = Array.new(1 + @random.rand(2)) { chance(50) ? renamed(first) : reshape(first) }
      def renamed(first) = first.map(&:dup).tap { |parts| parts.each { |part| call_otherwise(parts, part) if chance(60) } }
      def shape(index) = super.then { |part| part[:kind] == :later && chance(40) ? part.merge(kind: :await) : part }

      def step_options
        super.then { |said| said[:once] ? said : said.merge(failing(said[:retries])).compact }
      end

      def await_options = super.merge(fields: any([ nil, *ApiFields::FIELDS.keys ])).compact

      # However it is sent.
      def submission(number, name, ways = [ nil, nil, *ApiFields::SENT.keys ]) = [ :submit, number, name, any(ways) ]

      def failing(retries)
        { retries: any([ retries, 1, 2, 4 ]), pace: any(ApiFailures::PACES), again: any(ApiFailures::AGAIN.keys) }
      end

      def others = Invention.instance_method(:designs).bind_call(self.class.new(Random.new(@manner.rand(1 << 30))))

      def with_options(design, records)
        design.merge({ while: (one_form if any([ true, nil, nil ])), on_destroy: (any(%i[cancel keep]) if records) }.compact)
      end

      def one_form = ApiCode::WHILE.keys[@form.rand(ApiCode::WHILE.size)]

      # Of the object's runs of one of its workflows.
      def key(session) = @random.rand(KEYS) + (session.beside? && @manner.rand(3).zero? ? ApiCode::BESIDE : 0)

      def list = super.push(any([ nil, nil, 0, 1 ]))

      def any(list) = list[@manner.rand(list.size)]

      # What is gone comes back soon.
      def one_of_records(session)
        key = @manner.rand(KEYS)
        session.there?(key) ? any([ [ :destroy, key ], [ :delete, key ] ]) : [ :restore, key ]
      end

      def ending(session)
        at = @random.rand(session.seats.size)
        seat = session.seats[at]
        return [ :kill, at ] if chance(seat.claim.step.begun ? 25 : 8)
        return [ :rival, at, chance(60) ] if %i[await judge].include?(seat.claim.handed) && chance(35)
        return answer(at) if seat.arrival.where == :condition
        return [ :destroy_within, at ] if session.there?(seat.claim.run.key) && @manner.rand(15).zero?
        return any([ *[ [ :allow, at, true ] ] * 7, [ :allow, at, false ], unhappy(at) ]) if seat.asked_while?
        return [ :cancel, seat.claim.run.number, "no more" ] if chance(4)
        return one([ [ :progress, at, chance(50) ], [ :progress, at, chance(50) ], [ :note, at ], [ :checkpoint, at ] ]) if chance(telling(seat))
        chance(%i[judge remind].include?(seat.claim.handed) ? 80 : 65) ? [ :complete, at ] : unhappy(at)
      end

      # How often it says something; more often when it is not wanted any more.
      def telling(seat) = seat.claim.superseded? || seat.claim.run.cancelling? ? 80 : 20

      def answer(at) = one([ [ :answer, at, true ], [ :answer, at, true ], [ :answer, at, chance(40) ], unhappy(at) ])

      def unhappy(at)
        one([ [ :raise, at, :broken ], [ :raise, at, :worse ], [ :raise, at, :hopeless ], [ :raise, at, :script ], [ :reject, at ] ])
      end

      def sensible(session)
        return halting(session) if session.world.runs.any? && chance(15)
        return [ :redefine, @random.rand(3) ] if chance(9)
        steps = session.world.runs.flat_map { |run| run.steps.map { |step| [ run.number, step ] } }
        reminded = steps.filter_map { |_, step| step.reminder }
        return reminding(session, one(reminded)) if reminded.any? && chance(50)
        kept = steps.select { |_, step| step.kept }
        return reaching(session, *one(kept)) if kept.any? && chance(50)
        waiting = steps.select { |_, step| step.waiting? && step.claim.nil? }
        return submission(*named(one(waiting))) if waiting.any? && chance(50)
        ahead = steps.select { |_, step| step.ahead? && !step.judged? }
        return submission(*named(one(ahead)), FITTING) if ahead.any? && chance(25)
        failed = steps.select { |_, step| step.failed? }
        return again(one(failed)) if failed.any? && chance(40)
        return [ :work, one([ 1, 2, 16 ]) ] if session.world.queue.any? && chance(50)
        hurried = steps.select { |_, step| step.retrying? || step.delayed? || step.ready? && step.free? }
        return hurry(one(hurried)) if hurried.any? && chance(50)
        beginning(session)
      end

      # Until it is sent.
      def reminding(session, reminder)
        return [ :work, 16 ] if reminder.ready? || reminder.due?(session.world.now)
        return beginning(session) unless reminder.due # it has been sent
        [ :travel, ((reminder.due - session.world.now) / HOUR_MS.to_f).ceil.clamp(1, 5) ]
      end

      # What came early has its turn when what is before it is settled.
      def reaching(session, number, step)
        return [ :work, 16 ] if step.judged? || step.delayed?
        before = session.world.runs[number].steps.select { |other| step.after.include?(other.name) && !other.settled? }
        return [ :work, 16 ] if before.empty?
        name = one(before).name
        one([ [ :skip, number, name, "not wanted" ], [ :now, number, name, chance(30) ], submission(number, name) ])
      end

      # A paused run goes on more often than not.
      def halting(session)
        run = one(session.world.runs)
        return [ :resume, run.number ] if run.paused? && chance(70)
        skipped = [ :skip, run.number, one(run.steps).name, one([ nil, "not wanted" ]) ]
        one([ [ :pause, run.number, "hold on" ], [ :pause, run.number, nil ], skipped, skipped, [ :cancel, run.number, "no more" ] ])
      end

      def named(found) = [ found.first, found.last.name ]
      def hurry(found) = chance(60) ? [ :now, *named(found), chance(30) ] : [ :later, *named(found) ]

      def beginning(session)
        return one([ passing, [ :work, 16 ] ]) if session.world.runs.size >= RUNS_MAX
        [ :start, key(session), one([ nil, nil, nil, :now, :later ]), chance(30), one(TAGS) ]
      end

      def anything(session)
        number = @random.rand([ session.world.runs.size, 1 ].max)
        name = session.world.runs.empty? ? "s0" : one(session.world.runs[number].steps).name
        one([ [ :now, number, name, chance(30) ], [ :later, number, name ], submission(number, name),
          [ :retry, number, one([ nil, name ]) ], [ :pause, number, "hold on" ], [ :resume, number ], [ :resume, number ],
          [ :skip, number, name, nil ], chance(40) ? [ :cancel, number, nil ] : [ :resume, number ], [ :work, one([ 1, 3, 16 ]) ], passing, passing,
          [ :start, key(session), nil, chance(30) ] ])
      end
  end
end
