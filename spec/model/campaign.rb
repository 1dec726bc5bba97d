# frozen_string_literal: true

require_relative "driver"

module Differential
  # Sequences of operations out of one seed, until there were enough of them; what differs is shortened and told.
  class Campaign
    SEQUENCE = 60 # operations
    SHORTEN_S = 8

    attr_reader :succeeded, :count, :seconds

    def initialize(seed, operations)
      @seed, @operations = seed, operations
      @succeeded = Hash.new(0)
      @count = 0
    end

    # @raise [Difference] with the seed, the definitions and the shortest list of operations found
    def run
      began = now
      number = 0
      while @count < @operations
        sequence(number)
        number += 1
      end
      @seconds = now - began
    end

    # One sequence alone; its number is told with a difference.
    def sequence(number)
      invention = Invention.new(Random.new(@seed * 1_000_003 + number))
      designs = invention.designs
      done = []
      Session.run(designs) { |session| play(session, invention, done) }
    rescue Difference, Workflow::Error, ArgumentError => error
      raise Difference, report(number, designs, shorten(designs, done), error)
    end

    # Where one sequence in a hundred is to go through the public API with a Workflow::Worker of its own: a class made
    # from the design, whose steps do what the list of operations says, compared with the same Reference::World.
    def sequence_through_the_api(_number) = nil

    private
      def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

      def play(session, invention, done)
        SEQUENCE.times do
          done << invention.operation(session)
          session.perform(done.last)
        end
        @count += SEQUENCE
        session.succeeded.each { |name, times| @succeeded[name] += times }
      ensure
        session.close
      end

      # The message of the difference that a list of operations ends in, or nil.
      def difference(designs, operations)
        Session.run(designs) do |session|
          operations.each { |operation| session.perform(operation) }
          nil
        rescue Difference, Workflow::Error, ArgumentError => error
          error.message
        ensure
          session.close
        end
      end

      # Leaves out what it can, in halves, quarters and so on down to single operations.
      def shorten(designs, operations)
        deadline = now + SHORTEN_S
        size = operations.size / 2
        while size.positive?
          at = 0
          while at < operations.size && now < deadline
            fewer = operations[0...at] + operations[(at + size)..].to_a
            fewer.any? && difference(designs, fewer) ? operations = fewer : at += size
          end
          size /= 2
        end
        operations
      end

      def report(number, designs, operations, error)
        <<~TEXT
          SEED=#{@seed} SEQUENCE=#{number}: #{difference(designs, operations) || "(not again when shortened) #{error.message}"}
          definitions:
          #{designs.map { |design| "  #{design[:unique] ? "unique" : "not unique"}\n#{design[:parts].map { |part| "    #{part}" }.join("\n")}" }.join("\n")}
          operations:
          #{operations.map { |operation| "  #{operation.inspect}" }.join("\n")}
        TEXT
      end
  end
end
