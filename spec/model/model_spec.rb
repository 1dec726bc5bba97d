# frozen_string_literal: true

require_relative "campaign"
require_relative "seeds"
require_relative "share"

# Operations of a seed that stays, so that a change is compared with what went before; of a new one, printed, so that each
# run looks further; and all sequences that ever found something (seeds.txt, where a failing one is added). More of them:
# MODEL_OPERATIONS=500000 (rake test:long: ten million); SEED=1234 is that seed and no other, with SEQUENCE=17 one sequence of it.
RSpec.describe "The core beside the reference model" do
  kept_seed = 748_123
  fresh_seed = Random.new_seed % 1_000_000
  given = ENV["SEED"] && Integer(ENV["SEED"])
  operations = Integer(ENV.fetch("MODEL_OPERATIONS", 100_000))
  # Seed, operations, and which of the sequences: the kept seed's are played by two processes, every other one by each.
  shares = [ [ kept_seed, operations * 35 / 100, 0, 2 ], [ kept_seed, operations * 35 / 100, 1, 2 ], [ fresh_seed, operations * 30 / 100, 0, 1 ] ]
  shares = [ [ given, operations, 0, 1 ] ] if given
  # Fewer operations than this need not have met every kind.
  all_kinds_from = 60_000
  kinds = %i[start take now later submit begin complete fail skip open met accept reject give_back retry redefine travel tick dwell
    keep accept_judge reject_judge fail_judge give_back_judge complete_remind fail_remind give_back_remind
    cancel pause resume omit halt_instead vanish overrun list late crash hang wake wake_in_time wake_too_late
    start_again start_taken doubt settle settle_late submit_doubtful part]
  sequence = ENV["SEQUENCE"] && Integer(ENV["SEQUENCE"])

  def tell(text) = RSpec.configuration.reporter.message(text)

  if sequence
    it "says the same in sequence #{sequence} of SEED=#{given || kept_seed}" do
      Differential::Campaign.new(given || kept_seed, 0).sequence(sequence)
    end
  else
    it "says the same in every sequence that once found a difference" do
      Differential::Seeds.kept.each { |seed, number, api| Differential::Campaign.new(seed, 0).sequence(number, api: api) }
    end

    it "says the same after each of many operations, natively and through the Ruby API (SEED=#{shares.map(&:first).uniq.join(", SEED=")})" do
      played = Share.run_all(shares) { |line| tell(line) }
      expect(played.sum { |share| share["api_sequences"] }).to be >= 1
      next if operations < all_kinds_from
      expect(kinds.map(&:to_s) - played.flat_map { |share| share["native"].keys }).to be_empty
      expect(Differential::ApiInvention::KINDS.map(&:to_s) - played.flat_map { |share| share["api"].keys }).to be_empty
    end
  end
end
