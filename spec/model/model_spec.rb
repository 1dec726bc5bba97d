# frozen_string_literal: true

require_relative "campaign"

# 100,000 operations of a seed that is kept, so that a change is compared with what went before; each new seed may still
# find a difference, and is for `rake test:long`: MODEL_OPERATIONS=500000, LONG=1 (ten million), SEED=1234 and, for one sequence of that seed,
# SEQUENCE=17. The step to real workers (Campaign#sequence_through_the_api) is not there yet.
RSpec.describe "The core beside the reference model" do
  seed = Integer(ENV.fetch("SEED") { ENV["LONG"] ? Random.new_seed % 1_000_000 : 748_123 })
  operations = Integer(ENV.fetch("MODEL_OPERATIONS") { ENV["LONG"] ? 10_000_000 : 100_000 })
  # Fewer operations than this need not have met every kind.
  all_kinds_from = 20_000
  kinds = %i[start take now later submit complete fail skip open met accept reject give_back retry redefine travel tick dwell
    keep accept_judge reject_judge fail_judge give_back_judge complete_remind fail_remind give_back_remind
    cancel pause resume omit halt_instead vanish list]

  it "says the same after each of many operations (SEED=#{seed})" do
    campaign = Differential::Campaign.new(seed, operations)
    next campaign.sequence(Integer(ENV["SEQUENCE"])) if ENV["SEQUENCE"]
    campaign.run
    RSpec.configuration.reporter.message("model: SEED=#{seed}, #{campaign.count} operations, #{(campaign.count / campaign.seconds).round}/s")
    expect(kinds - campaign.succeeded.keys).to be_empty if operations >= all_kinds_from
  end
end
