# frozen_string_literal: true

require "optparse"
require_relative "catalogue"

module Bench
  # What bin/bench was asked for. Whatever makes no sense is a sentence.
  class Options
    class Wrong < StandardError; end

    ROUNDS = 5
    QUICK_LIMIT_S = 30
    QUICK_BUDGET_S = 150 # from the start of the servers on

    attr_reader :workloads, :contenders, :dir, :out, :sizes, :seed

    def initialize(arguments)
      @workloads, @contenders = Catalogue::WORKLOADS.keys, Catalogue::CONTENDERS.keys
      @rounds, @quick, @dir, @sizes, @seed = nil, false, "tmp", {}, Random.new_seed % 100_000
      rest = parser.parse(arguments)
      @contenders = contenders.select { |name| Catalogue.able?(name, workloads) }
      raise Wrong, "#{rest.first.inspect} is no option." if rest.any?
    rescue OptionParser::ParseError => error
      raise Wrong, "#{error.message.capitalize}."
    end

    def quick? = @quick
    def rounds = @rounds || (quick? ? 1 : ROUNDS)

    # @param patience [Integer] seconds that the workload asks for
    # @return [Integer] seconds after which a measurement is given up
    def limit(patience) = quick? ? QUICK_LIMIT_S : patience

    # Seconds after which nothing is measured any more; nil: there is no such time.
    def budget = (QUICK_BUDGET_S if quick?)

    # @return [Array<String>] the servers that the contenders ask for, for these workloads
    def servers = contenders.flat_map { |name| Catalogue.servers(name, workloads) }.uniq

    # @return [Array<String>] the programs that the workloads ask for
    def programs = workloads.flat_map { |key| Catalogue::PROGRAMS.fetch(key, []) }.uniq

    private
      def parser
        OptionParser.new do |options|
          options.banner = "Usage: bin/bench [options]"
          options.on("--quick", "small sizes, one round: shows that all of it runs, in less than three minutes") { @quick = true }
          options.on("--only LIST", "workloads, of #{Catalogue::WORKLOADS.keys.join(",")}") { |list| @workloads = some(list, Catalogue::WORKLOADS.keys, "workload") }
          options.on("--peers LIST", "beside ours, of #{peers.join(",")}") { |list| @contenders = [ Catalogue::OURS, *(some(list, Catalogue::CONTENDERS.keys, "peer") - [ Catalogue::OURS ]) ] }
          options.on("--rounds N", Integer, "#{ROUNDS}; 1 with --quick") { |number| @rounds = positive(number, "--rounds") }
          options.on("--size LIST", "jobs of a workload, for all contenders: a=10000,c=500; of k, the events of the fullest log") { |list| @sizes = sizes_of(list) }
          options.on("--seed N", Integer, "of the order in which contenders take turns") { |number| @seed = number }
          options.on("--dir DIR", "where the stores lie: its disk is what is measured (tmp)") { |dir| @dir = directory(dir) }
          options.on("--out FILE", "instead of bench/results/<date>-peers.txt, or -peers-quick.txt") { |file| @out = writable(file) }
        end
      end

      def peers = Catalogue::CONTENDERS.keys - [ Catalogue::OURS ]

      def some(list, known, what)
        names = list.split(",").map(&:strip).reject(&:empty?).uniq
        raise Wrong, "Name at least one #{what} of #{known.join(", ")}." if names.empty?
        unknown = names - known
        raise Wrong, "There is no #{what} #{unknown.first.inspect}; there are #{known.join(", ")}." if unknown.any?
        known & names
      end

      def sizes_of(list)
        list.split(",").to_h do |pair|
          name, number = pair.split("=", 2)
          raise Wrong, "--size wants a workload and a number, such as a=10000, not #{pair.inspect}." unless number&.match?(/\A\d+\z/)
          [ some(name, Catalogue::WORKLOADS.keys, "workload").first, positive(number.to_i, "--size") ]
        end
      end

      def positive(number, option)
        number.positive? ? number : raise(Wrong, "#{option} must be at least 1, not #{number}.")
      end

      def directory(dir)
        File.directory?(dir) && File.writable?(dir) ? dir : raise(Wrong, "--dir #{dir}: there is no such directory that can be written to.")
      end

      def writable(file)
        parent = File.dirname(file)
        raise Wrong, "--out #{file}: that is a directory." if File.directory?(file)
        File.directory?(parent) && File.writable?(parent) ? file : raise(Wrong, "--out #{file}: there is no directory #{parent} that can be written to.")
      end
  end
end

# bin/bench asks with this which servers and programs it is to install, before any gem is there.
if $PROGRAM_NAME == __FILE__
  begin
    options = Bench::Options.new(ARGV)
    puts options.servers + options.programs
  rescue Bench::Options::Wrong => error
    warn "bin/bench: #{error.message}"
    exit 2
  end
end
