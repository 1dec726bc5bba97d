# frozen_string_literal: true

require "tmpdir"

module Workflow
  # Folds the whole log of a store again, into an empty file, and compares what the store keeps beside its events with
  # that, row by row. For a store that nobody is writing to: tests, and the morning after.
  class Verification
    # Who has claimed a step is no fact: no event tells of it.
    COLUMNS = {
      "runs" => "id, key, class, open AND is_unique AS open, is_unique, status, version, started_ms, ended_ms, hex(state)",
      "tags" => "class, name, value, run_id",
      "keys" => "class, token, run_id",
      "ready" => "run_id, step, priority, at_ms, alone",
      "waits" => "run_id, step",
      "timers" => "run_id, step, due_ms"
    }.freeze

    # @return [Integer] how many runs were folded
    attr_reader :runs
    # @return [Array<String>] one for each row that should not be, or is missing
    attr_reader :differences

    # @param path [String] of the store's file
    # @raise [StoreError]
    # @example
    #   Workflow::Verification.new("storage/production_workflow.sqlite3").differences  # => []
    def initialize(path)
      Store.load_core
      Dir.mktmpdir("workflow") do |directory|
        rebuilt = File.join(directory, "rebuilt.sqlite3")
        @runs = Native.rebuild(path, rebuilt)
        @differences = compare(path, rebuilt)
      end
    end

    private
      def compare(path, rebuilt)
        database = SQLite3::Database.new(path)
        database.execute("ATTACH ? AS rebuilt", [ rebuilt ])
        COLUMNS.flat_map do |table, columns|
          surplus(database, table, columns, "main", "rebuilt").map { |row| "#{table}: #{row} is stored, but no event says so" } +
            surplus(database, table, columns, "rebuilt", "main").map { |row| "#{table}: #{row} follows from the events, but is not stored" }
        end
      ensure
        database&.close
      end

      def surplus(database, table, columns, one, other)
        database.execute("SELECT #{columns} FROM #{one}.#{table} EXCEPT SELECT #{columns} FROM #{other}.#{table}").map(&:inspect)
      end
  end
end
