# frozen_string_literal: true

require "json"
require "rbconfig"

# A share of the operations, in a process of its own, since half of the time is waiting for others:
#
#   bundle exec ruby -Ilib spec/model/share.rb SEED OPERATIONS [FIRST STEP]
#
# plays every STEP-th sequence, says how far it is, and at last, as JSON, what has succeeded. What differs is told, and its seed kept.
module Share
  ROOT = File.expand_path("../..", __dir__)

  class << self
    # All at once.
    # @param shares [Array<Array<Integer>>] seed, operations, first, step
    # @yieldparam line [String] how far one of them is
    # @return [Array<Hash{String=>Object}>] "native" and "api": how often each kind of operation succeeded; "api_sequences"
    # @raise [RuntimeError] with what differs
    def run_all(shares, &tell)
      outs = shares.map { |share| IO.popen([ RbConfig.ruby, "-Ilib", __FILE__, *share.map(&:to_s) ], err: %i[child out], chdir: ROOT) }
      said = outs.to_h { |out| [ out, [] ] }
      failed = listen(said, &tell)
      raise failed.map { |out| said[out].join }.join("\n") if failed.any?
      said.values.map { |lines| JSON.parse(lines.last) }
    end

    # In that process.
    def run(seed, operations, first = 0, step = 1)
      $stdout.sync = true
      campaign = Differential::Campaign.new(seed, operations, first: first, step: step)
      puts "model: SEED=#{seed} …"
      campaign.run { progress(seed, campaign) }
      progress(seed, campaign)
      puts JSON.generate(native: campaign.succeeded, api: campaign.succeeded_through_api, api_sequences: campaign.api_sequences)
    rescue Differential::Difference => error
      Differential::Seeds.keep(seed, *campaign.current)
      abort error.message
    end

    private
      # @return [Array<IO>] of those that failed
      def listen(said)
        open, failed = said.keys, []
        until open.empty?
          IO.select(open).first.each do |out|
            if (line = out.gets)
              line.start_with?("model: ") ? yield(line.chomp) : said[out] << line
            else
              open.delete(out).close
              failed << out unless $?.success?
            end
          end
        end
        failed
      end

      def progress(seed, campaign)
        puts "model: SEED=#{seed}, #{campaign.count} operations, #{campaign.api_sequences} sequences through the API, " \
          "#{(campaign.count / campaign.seconds).round}/s"
      end
  end
end

if $PROGRAM_NAME == __FILE__
  require "workflow"
  require_relative "campaign"
  require_relative "seeds"
  Share.run(*ARGV.map { |number| Integer(number) })
end
