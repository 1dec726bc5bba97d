# frozen_string_literal: true

require "json"
require "rbconfig"
require "tmpdir"
require_relative "clock"
require_relative "figures"

module Bench
  # What this machine can do at most of what a step is made of, so that a result says how near to that it comes: commits to a log
  # in SQLite as ours is set up, rows in them, hand-overs between two threads of an interpreter, and between two processes.
  # In a process of its own, so that none of it stays: `ruby bench/harness/limits.rb DIR` prints JSON.
  class Limits
    COMMITS = 500
    BATCHES = 20
    BATCH = 5_000 # rows in one commit
    TURNS = 20_000
    ROW = "x" * 155 # bytes: what an event takes

    # @param dir [String] where the stores lie
    # @return [Limits]
    # @raise [RuntimeError] if it cannot be measured
    def self.measure(dir)
      told = IO.popen([ RbConfig.ruby, __FILE__, dir ], &:read)
      raise "The limits of this machine could not be measured." unless $?.success?
      new(JSON.parse(told))
    end

    # @param figures [Hash{String=>Float}] "commits" and "rows" a second, "switch" and "wake" in seconds
    def initialize(figures)
      @figures = figures
    end

    # @return [Array<String>]
    def lines
      [ "at most: #{whole("commits")} commits a second of one row, #{whole("rows")} rows a second at #{Figures.group(BATCH)} a commit (SQLite, WAL, synchronous=FULL, a rowid table)",
        "  #{micro("switch")} us from one Ruby thread to another, #{micro("wake")} us from one process to another (a byte in a pipe), on the way there and back" ]
    end

    # In that process.
    class Measuring
      def initialize(dir)
        @dir = dir
      end

      # @return [Hash{String=>Float}]
      def figures
        { **Dir.mktmpdir("limits", @dir) { |dir| writing(File.join(dir, "limits.sqlite3")) }, "switch" => switch, "wake" => wake }
      end

      private
        def writing(path)
          require "sqlite3"
          database = open(path)
          { "commits" => commits(database), "rows" => rows(database) }
        ensure
          database&.close # before `wake` forks
        end

        def open(path)
          SQLite3::Database.new(path).tap do |database|
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=FULL")
            database.execute("PRAGMA wal_autocheckpoint=0")
            database.execute("CREATE TABLE events(position INTEGER PRIMARY KEY, run_id INTEGER, version INTEGER, events BLOB)")
          end
        end

        def commits(database)
          insert = prepare(database)
          COMMITS / Clock.seconds { COMMITS.times { |i| insert.execute(1, i, ROW) } }
        ensure
          insert.close
        end

        def rows(database)
          insert = prepare(database)
          took = Array.new(BATCHES) { Clock.seconds { database.transaction { BATCH.times { |i| insert.execute(2, i, ROW) } } } }
          BATCH / Figures.median(took)
        ensure
          insert.close
        end

        def prepare(database) = database.prepare("INSERT INTO events(run_id, version, events) VALUES(?, ?, ?)")

        def switch
          there, back = Thread::Queue.new, Thread::Queue.new
          other = Thread.new { while there.pop do back.push(true) end }
          took = Clock.seconds { TURNS.times { there.push(true) && back.pop } }
          there.close
          other.join
          took / TURNS / 2
        end

        def wake
          there, to = IO.pipe
          from, back = IO.pipe
          other = fork { [ to, from ].each(&:close) && echo(there, back) }
          [ there, back ].each(&:close)
          took = Clock.seconds { TURNS.times { to.syswrite("x") && from.sysread(1) } }
          to.close
          Process.wait(other)
          took / TURNS / 2
        end

        def echo(there, back)
          back.syswrite(there.sysread(1)) while true
        rescue EOFError
          exit!(0)
        end
    end

    private
      def whole(name) = Figures.group(@figures.fetch(name).round)
      def micro(name) = (@figures.fetch(name) * 1e6).round(1)
  end
end

puts JSON.generate(Bench::Limits::Measuring.new(ARGV.fetch(0)).figures) if $PROGRAM_NAME == __FILE__
