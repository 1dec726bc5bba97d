# frozen_string_literal: true

module Bench
  # Follows when all jobs of a batch have ended.
  class JoinJob < ActiveJob::Base
    def perform(batch, _context) = Tally.note(batch.properties[:count])
  end
end
