# frozen_string_literal: true

module Bench
  class SidekiqNoop
    include Sidekiq::Job
    def perform(number) = Tally.note(number)
  end

  class SidekiqVisit
    include Sidekiq::Job
    def perform(id) = Item.find(id).visit
  end

  class SidekiqStage
    include Sidekiq::Job

    def perform(number, stage)
      Tally.note(number * Contender::STAGES + stage)
      SidekiqStage.perform_async(number, stage + 1) if stage + 1 < Contender::STAGES
    end
  end

  class SidekiqSleeper
    include Sidekiq::Job

    def perform(number)
      sleep Contender::SLEEP_S
      Tally.note(number)
    end
  end

  class SidekiqWatch
    include Sidekiq::Job
    def perform(number) = Tally.note_moment(number)
  end

  class SidekiqSendLink
    include Sidekiq::Job
    def perform(id) = Signup.find(id).send_link
  end

  class SidekiqOnboard
    include Sidekiq::Job
    def perform(id) = Signup.find(id).start_onboarding
  end
end
