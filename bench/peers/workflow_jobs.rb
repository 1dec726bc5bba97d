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
