# frozen_string_literal: true

module Bench
  class QueNoop < Que::Job
    def run(number) = Tally.note(number)
  end

  class QueVisit < Que::Job
    def run(id) = Item.find(id).visit
  end

  class QueStage < Que::Job
    # The next job and the end of this one are one commit, as Que's documentation advises.
    def run(number, stage)
      Tally.note(number * Contender::STAGES + stage)
      ActiveRecord::Base.transaction do
        QueStage.enqueue(number, stage + 1) if stage + 1 < Contender::STAGES
        destroy
      end
    end
  end

  class QueSleeper < Que::Job
    def run(number)
      sleep Contender::SLEEP_S
      Tally.note(number)
    end
  end

  class QueWatch < Que::Job
    def run(number) = Tally.note_moment(number)
  end

  class QueSendLink < Que::Job
    def run(id) = Signup.find(id).send_link
  end

  class QueOnboard < Que::Job
    def run(id) = Signup.find(id).start_onboarding
  end
end
