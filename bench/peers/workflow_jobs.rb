# frozen_string_literal: true

module Bench
  # Plain objects that are rebuilt from their number.
  class Numbered
    include Workflow
    remembers :number
    attr_reader :number

    def initialize(number) = @number = number
  end

  class Noop < Numbered
    def call = Tally.note(number)
  end

  class Sleeper < Numbered
    def call
      sleep Contender::SLEEP_S
      Tally.note(number)
    end
  end

  class Watch < Numbered
    def call = Tally.note_moment(number)
  end

  # Waits for ever.
  class Asking < Numbered
    workflow { await :answer }

    def answer = nil
  end

  class OneNow < Numbered
    workflow { now :call }

    def call = Tally.note_moment(number)
  end

  # The steps are written out, as an application does.
  class ManyNow < Numbered
    METHODS = %i[zeroth first second third fourth fifth sixth seventh eighth ninth tenth].freeze

    workflow { METHODS.each { |name| now name } }

    def zeroth = Tally.note_moment(number)
    def first = Tally.note_moment(number + 1)
    def second = Tally.note_moment(number + 2)
    def third = Tally.note_moment(number + 3)
    def fourth = Tally.note_moment(number + 4)
    def fifth = Tally.note_moment(number + 5)
    def sixth = Tally.note_moment(number + 6)
    def seventh = Tally.note_moment(number + 7)
    def eighth = Tally.note_moment(number + 8)
    def ninth = Tally.note_moment(number + 9)
    def tenth = Tally.note_moment(number + 10)
  end

  class Stages < Numbered
    workflow do
      later :one
      later :two
      later :three
      later :four
      later :five
    end

    def one = stage(0)
    def two = stage(1)
    def three = stage(2)
    def four = stage(3)
    def five = stage(4)

    private
      def stage(index) = Tally.note(number * Contender::STAGES + index)
  end
end
