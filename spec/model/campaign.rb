# frozen_string_literal: true

require_relative "driver"
require_relative "api_session"
require_relative "api_invention"
require_relative "../support/replay"

module Differential
  # Sequences of operations out of one seed, until there were enough of them; what differs is shortened and told. One in
  # fifteen (MODEL_API_EVERY) goes through the Ruby API: a class made from the design, its public words, and a Workflow::Worker.
  class Campaign
    SEQUENCE = 60 # operations
    SHORTEN_S = 8
    API_EVERY = Integer(ENV.fetch("MODEL_API_EVERY", 15))
    TELL_EVERY = 1_000 # sequences

    # How often each kind of operation did something: of the native sequences, and of those through the API.
    # @return [Hash{Symbol=>Integer}]
    attr_reader :succeeded, :succeeded_through_api
    # @return [Integer] operations, and how many of the sequences went through the API
    attr_reader :count, :api_sequences
    attr_reader :seconds
    # @return [Array(Integer, Boolean), nil] the number of the sequence that is being played, and whether through the API
    attr_reader :current

    # @param first [Integer] the number of the first sequence
    # @param step [Integer] how far it is to the next: others play those between
    def initialize(seed, operations, first: 0, step: 1)
      @seed, @operations, @first, @step = seed, operations, first, step
      @succeeded, @succeeded_through_api = Hash.new(0), Hash.new(0)
      @count = @api_sequences = 0
    end

    # @yield from time to time
    # @raise [Difference] with the seed, the definitions and the shortest list of operations found
    def run
      began = now
      number = @first
      while @count < @operations
        sequence(number)
        number += @step
        @seconds = now - began
        yield if ((number - @first) / @step % TELL_EVERY).zero?
      end
    end

    # One sequence alone; its number is told with a difference.
    def sequence(number, api: (number % API_EVERY).zero?)
      @current = [ number, api ]
      return play(number, Session, Invention, @succeeded) unless api
      @api_sequences += 1
      play(number, ApiSession, ApiInvention, @succeeded_through_api)
    end

    private
      def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

      def play(number, kind, inventions, succeeded)
        invention = inventions.new(Random.new(@seed * 1_000_003 + number))
        designs = invention.designs
        done = []
        kind.run(designs) do |session|
          act(session, succeeded) { SEQUENCE.times { session.perform(done.push(invention.operation(session)).last) } }
        end
      rescue StandardError => error
        raise Difference, report(number, kind, designs, shorten(kind, designs, done), error)
      end

      # In the end the log, folded again from nothing, gives what is stored.
      def act(session, succeeded)
        yield
        session.close
        Replay.check(session.directory)
        session.succeeded.each { |name, times| succeeded[name] += times }
        @count += session.performed
      rescue Replay::Different => error
        raise Difference, error.message
      ensure
        session.close
      end

      # The message of the difference that a list of operations ends in, or nil.
      def difference(kind, designs, operations)
        kind.run(designs) { |session| act(session, Hash.new(0)) { operations.each { |operation| session.perform(operation) } } }
        nil
      rescue StandardError => error
        error.message
      end

      # Leaves out what it can, in halves, quarters and so on down to single operations.
      def shorten(kind, designs, operations)
        deadline = now + SHORTEN_S
        size = operations.size / 2
        while size.positive?
          at = 0
          while at < operations.size && now < deadline
            fewer = operations[0...at] + operations[(at + size)..].to_a
            fewer.any? && difference(kind, designs, fewer) ? operations = fewer : at += size
          end
          size /= 2
        end
        operations
      end

      def report(number, kind, designs, operations, error)
        <<~TEXT
          SEED=#{@seed} SEQUENCE=#{number} (#{kind}): #{difference(kind, designs, operations) || "(not again) #{error.message}"}
          definitions:
          #{designs.map { |design| written(design) }.join("\n")}
          operations:
          #{operations.map { |operation| "  #{operation.inspect}" }.join("\n")}
        TEXT
      end

      def written(design)
        others = design.slice(:beside, :heir).map { |name, other| "  #{name}:\n#{written(other)}" }
        [ "  #{design.except(:parts, :beside, :heir)}", *design[:parts].map { |part| "    #{part}" }, *others ].join("\n")
      end
  end
end
