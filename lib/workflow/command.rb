# frozen_string_literal: true

require "optparse"

module Workflow
  # The command line: workflow work -r FILE [--threads N] [--health ADDRESS].
  class Command
    ENVIRONMENT = "config/environment.rb"
    NAMES = %w[work check settle version].freeze

    def initialize(arguments, out: $stdout, err: $stderr)
      @arguments, @out, @err = arguments.dup, out, err
      @files, @threads = [], nil
    end

    # @return [Integer] the status to exit with
    def run
      name, *rest = parser.parse(@arguments)
      name = "version" if @version
      return usage(misunderstood(name, rest)) unless rest.empty? && NAMES.include?(name)
      __send__(name)
    rescue OptionParser::ParseError => error
      usage(error.message)
    rescue Error, LoadError => error
      @err.puts "workflow: #{error.message}"
      1
    end

    private
      def parser
        OptionParser.new do |options|
          options.banner = "Usage: workflow #{NAMES.join("|")} [options]"
          options.on("-r", "--require FILE", "the file that loads your classes; #{ENVIRONMENT} if there is one") { |file| @files << file }
          options.on("-t", "--threads N", Integer, "steps at a time (#{Workflow.configuration.threads})") { |number| @threads = number }
          options.on("--health ADDRESS", "where probes are answered: 127.0.0.1:7001") { |address| @health = address }
          options.on("-v", "--version", "which version this is") { @version = true }
          options.on("-s", "--store ADDRESS", "sqlite:PATH") { |address| Workflow.configuration.store = address }
        end
      end

      def work
        require_files
        Workflow.configuration.threads = @threads if @threads
        Workflow.configuration.health = @health if @health
        threads = Workflow.configuration.threads
        Supervisor.new(Worker.new(threads: threads), threads: threads, out: @out).run
      end

      def check
        require_all
        @out.puts "workflow: #{Check.count(Workflow.verify, "class")} checked, all methods are there."
        @out.puts check = Check.new
        check.good? ? 0 : 1
      end

      # What the log has not been told of the application's transactions: now, instead of at the next look.
      def settle
        require_all
        Recovery.settle(@out)
      end

      def version
        @out.puts "workflow #{VERSION}"
        0
      end

      def require_files
        @files << ENVIRONMENT if @files.empty? && File.exist?(ENVIRONMENT)
        raise Error, "say which file loads your classes: workflow work -r FILE." if @files.empty?
        load_railtie if @files.any? { |file| rails?(file) }
        @files.each { |file| require File.expand_path(file) }
      end

      # All classes, also those that Rails would load when they are needed.
      def require_all
        require_files
        ::Rails.application.eager_load! if defined?(Railtie) && ::Rails.application
      end

      # This program has loaded the gem before the application loads Rails; so the railtie is still to come.
      def load_railtie
        require "rails"
        require_relative "railtie"
      rescue LoadError
        nil # an application of that shape, but not Rails'
      end

      def rails?(file) = File.basename(file) == "environment.rb" && File.exist?(File.expand_path("../application.rb", file))

      def misunderstood(name, rest)
        return "" unless name
        NAMES.include?(name) ? "#{name} takes no #{rest.first}" : "there is no command #{name}.#{Suggestion.for(name, NAMES)}"
      end

      def usage(problem)
        @err.puts "workflow: #{problem}" unless problem.empty?
        @err.puts parser.help
        2
      end
  end
end
