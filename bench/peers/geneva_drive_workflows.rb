# frozen_string_literal: true

module Bench
  class GenevaNoop < GenevaDrive::Workflow
    step(:call) { hero.visit }
  end

  class GenevaStages < GenevaDrive::Workflow
    Contender::STAGES.times do |index|
      step("stage_#{index}") { Tally.note(hero.number * Contender::STAGES + index) }
    end
  end
end
