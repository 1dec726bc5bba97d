# frozen_string_literal: true

require "workflow"

# Every test's event log, folded again from nothing, gives the projections that the store has. Asked after each example
# of every store that it left, when nobody writes to it any more; `replay: false` says that the example spoils its store.
module Replay
  class Different < StandardError; end

  MAGIC = "SQLite format 3\0"
  MEMORY = "/dev/shm" # where folding again waits for no disk

  class << self
    # @param directory [String] of the example
    # @return [Integer] how many stores there were
    # @raise [Different]
    def check(directory)
      stores(directory).each { |path| check_store(path) }.size
    end

    # @param path [String] of one store
    def check_store(path)
      differences = in_memory { Workflow::Verification.new(path).differences }
      raise Different, "#{File.basename(path)} folded again is not as it was stored:\n  #{differences.join("\n  ")}" if differences.any?
    end

    # @return [Boolean] whether an example is to be asked
    def of?(example) = example.metadata.fetch(:replay, true) && example.exception.nil?

    private
      def in_memory
        before = ENV["TMPDIR"]
        ENV["TMPDIR"] = MEMORY if File.writable?(MEMORY)
        yield
      ensure
        ENV["TMPDIR"] = before
      end

      def stores(directory)
        Dir.glob("**/*.sqlite3", base: directory).map { |name| File.join(directory, name) }.select { |path| store?(path) }
      end

      def store?(path)
        return false unless File.file?(path) && File.binread(path, MAGIC.size) == MAGIC
        Workflow::Store.load_core
        database = SQLite3::Database.new(path, readonly: true)
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").flatten
        (%w[events runs ready waits timers] - tables).empty?
      rescue SQLite3::Exception
        false
      ensure
        database&.close
      end
  end
end
