# frozen_string_literal: true

require_relative "contender"

module Bench
  # The jobs of all that are reached through Active Job. The models are there by then.
  class NoopJob < ActiveJob::Base
    def perform(number) = Tally.note(number)
  end

  class VisitJob < ActiveJob::Base
    def perform(item) = item.visit
  end

  class StageJob < ActiveJob::Base
    def perform(number, stage)
      Tally.note(number * Contender::STAGES + stage)
      StageJob.perform_later(number, stage + 1) if stage + 1 < Contender::STAGES
    end
  end

  class SleeperJob < ActiveJob::Base
    def perform(number)
      sleep Contender::SLEEP_S
      Tally.note(number)
    end
  end

  class WatchJob < ActiveJob::Base
    def perform(number) = Tally.note_moment(number)
  end

  class SendLinkJob < ActiveJob::Base
    def perform(signup) = signup.send_link
  end

  class OnboardJob < ActiveJob::Base
    def perform(signup) = signup.start_onboarding
  end
end
