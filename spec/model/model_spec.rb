# frozen_string_literal: true

require_relative "campaign"
require_relative "seeds"

# Operations of a seed that stays, so that a change is compared with what went before; of a new one, printed, so that each
# run looks further; and all sequences that ever found something (seeds.txt, where a failing one is added). More of them:
# MODEL_OPERATIONS=500000 (rake test:long: ten million); SEED=1234 is that seed and no other, with SEQUENCE=17 one sequence of it.
RSpec.describe "The core beside the reference model" do
  kept_seed = 748_123
  fresh_seed = Random.new_seed % 1_000_000
  given = ENV["SEED"] && Integer(ENV["SEED"])
  operations = Integer(ENV.fetch("MODEL_OPERATIONS", 100_000))
  shares = { kept_seed => operations * 7 / 10, fresh_seed => operations * 3 / 10 }
  shares = { given => operations } if given
  # Fewer operations than this need not have met every kind.
  all_kinds_from = 60_000
  kinds = %i[start take now later submit begin complete fail skip open met accept reject give_back retry redefine travel tick dwell
    keep accept_judge reject_judge fail_judge give_back_judge complete_remind fail_remind give_back_remind
    cancel pause resume omit halt_instead vanish overrun list late crash hang wake wake_in_time wake_too_late
    start_again doubt settle settle_late submit_doubtful]
  sequence = ENV["SEQUENCE"] && Integer(ENV["SEQUENCE"])

  def keeping(seed, campaign)
    yield
  rescue Differential::Difference
    Differential::Seeds.keep(seed, *campaign.current)
    raise
  end

  def tell(text) = RSpec.configuration.reporter.message(text)

  if sequence
    it "says the same in sequence #{sequence} of SEED=#{given || kept_seed}" do
      Differential::Campaign.new(given || kept_seed, 0).sequence(sequence)
    end
  else
    it "says the same in every sequence that once found a difference" do
      Differential::Seeds.kept.each { |seed, number, api| Differential::Campaign.new(seed, 0).sequence(number, api: api) }
    end

    it "says the same after each of many operations, natively and through the Ruby API (SEED=#{shares.keys.join(", SEED=")})" do
      campaigns = shares.map do |seed, share|
        Differential::Campaign.new(seed, share).tap do |campaign|
          tell("model: SEED=#{seed} …")
          progress = lambda do
            tell("model: SEED=#{seed}, #{campaign.count} operations, #{campaign.api_sequences} sequences through the API, " \
              "#{(campaign.count / campaign.seconds).round}/s")
          end
          keeping(seed, campaign) { campaign.run(&progress) }
          progress.call
        end
      end
      expect(campaigns.sum(&:api_sequences)).to be >= 1
      next if operations < all_kinds_from
      expect(kinds - campaigns.flat_map { |campaign| campaign.succeeded.keys }).to be_empty
      expect(Differential::ApiInvention::KINDS - campaigns.flat_map { |campaign| campaign.succeeded_through_api.keys }).to be_empty
    end
  end
end
