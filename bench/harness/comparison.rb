# frozen_string_literal: true

require_relative "clock"
require_relative "contestant"
require_relative "table"

module Bench
  # Measures: for each workload and setting the rounds, in each of them every contender once, in an order of its own.
  class Comparison
    # What a measurement of --quick is given at least, or is left out.
    LEAST_S = 10

    # @return [Array<String>] what was lost, doubled, or failed
    attr_reader :faults

    # @param began [Float] the moment from which on --quick counts its time
    def initialize(options, contestants, out:, began:)
      @options, @contestants, @out, @began = options, contestants, out, began
      @random = Random.new(options.seed)
      @faults, @sync, @left_out = [], {}, Hash.new([])
    end

    # @yield [text] each table as soon as it is there
    def run
      turns.each { |key, setting| compare(key, Catalogue.workload(key), setting) { |table| yield table } }
    end

    # @return [Array<String>] a line for each contender: how what it acknowledged was synced, and as what it was configured
    def sync_lines = @sync.map { |name, mode| "#{name}: #{mode}" }

    # @return [Array<String>] what --quick had no time for
    def left_out = @left_out.map { |what, names| "#{what}: #{names.join(", ")}" }

    private
      # @return [Array<Array(String, Integer)>] workloads and settings; with --quick, the first settings of all before any second
      def turns
        settings = @options.workloads.map { |key| Catalogue.workload(key).settings(quick: @options.quick?).map { |setting| [ key, setting ] } }
        return settings.flatten(1) unless @options.quick?
        settings.map(&:size).max.times.flat_map { |i| settings.filter_map { |turns| turns[i] } }
      end

      def compare(key, workload, setting)
        fit = @contestants.reject { |contestant| unfit(key, workload, setting, Catalogue.contender(contestant.name)) }
        results = Hash.new { |hash, name| hash[name] = {} }
        counts = fit.to_h { |contestant| [ contestant.name, count(key, workload, setting, contestant.name) ] }
        1.upto(@options.rounds) do |round|
          fit.shuffle(random: @random).each do |contestant|
            metrics = measure(contestant, key, workload, setting, counts.fetch(contestant.name), round)
            results[contestant.name][round] = metrics if metrics
          end
        end
        tables(key, workload, setting, results, counts).each { |table| yield table } if results.any?
      end

      # @return [String, nil] why a contender has no figure
      def unfit(key, workload, setting, contender) = contender.cannot[key] || workload.unfit(contender, setting)

      def count(key, workload, setting, name)
        size = @options.sizes[key]
        size ? workload.sized(setting, size) : workload.count(setting, fast: Catalogue.contender(name).fast?, quick: @options.quick?)
      end

      def measure(contestant, key, workload, setting, count, round)
        what = "(#{key}) #{setting}, #{contestant.name}, round #{round}"
        limit = [ @options.limit(workload.patience), left ].min
        return (@left_out[workload.title(setting)] |= [ contestant.name ]) && nil unless limit > LEAST_S
        @out.progress(what)
        facts = contestant.measure({ workload: key, setting: setting, count: count }, limit)
        @sync[contestant.name] ||= facts.fetch("sync")
        @faults.concat(facts.fetch("faults").map { |fault| "#{what}: #{fault}" })
        facts.fetch("metrics")
      rescue Contestant::Failed => error
        @faults << "#{what}: #{error.message}"
        nil
      end

      def left = @options.budget ? @options.budget - (Clock.now - @began) : Float::INFINITY

      def tables(key, workload, setting, results, counts)
        workload.metrics(setting).map do |metric, (unit, more_is_better)|
          rows = @contestants.map { |contestant| row(key, workload, setting, contestant.name, results[contestant.name], counts, metric) }
          Table.new("#{workload.title(setting)}: #{unit}", rows, ours: Catalogue::OURS, counted: workload.counted, more_is_better: more_is_better)
        end
      end

      # A metric may be missing of a round: what it takes to measure it may be.
      def row(key, workload, setting, name, rounds, counts, metric)
        contender = Catalogue.contender(name)
        Table::Row.new(name: name, count: counts.fetch(name, 0), values: rounds.transform_values { |metrics| metrics[metric] }.compact,
          lacks: unfit(key, workload, setting, contender) || contender.beside(key))
      end
  end
end
