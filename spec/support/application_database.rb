# frozen_string_literal: true

require "fileutils"
require "tmpdir"
require "sqlite3"
require_relative "../../bin/support/waiting"
require_relative "postgres"

# The database of the application around us, of each kind that the examples are to hold on. Examples that say
# `application_database: kind` have an empty one of their own, which Active Record is connected to:
#
#   ApplicationDatabase.each do |kind|
#     context "on #{kind}", application_database: kind do
#       before { ActiveRecord::Schema.define { create_table(:notes) { |t| t.string :text } } }
#       it("…") { child, said = fork_child { |out| Note.create!; out.puts "written"; sleep } }
#     end
#   end
#
# Without PostgreSQL its examples are skipped; with CI=true they fail.
class ApplicationDatabase
  class Lacking < StandardError; end

  POOL = 20

  # A SQLite file, as `rails new` sets it up: WAL is Active Record's default.
  class Sqlite
    def self.missing = nil

    # Examples fork while they are connected. Active Record and the sqlite3 gem both discard what the child inherited; the gem says so each time.
    def initialize
      SQLite3::ForkSafety.suppress_warnings!
      @directory = Dir.mktmpdir("workflow-application")
    end

    def configuration = { adapter: "sqlite3", database: File.join(@directory, "application.sqlite3"), pool: POOL, timeout: 5000 }
    def drop = FileUtils.rm_rf(@directory)
  end

  # A database on this process's PostgreSQL server.
  class Postgresql
    def self.missing = Postgres.missing
    def self.next_name = "application_#{@number = (@number || 0) + 1}"

    def initialize
      @server = Postgres.server
      @name = self.class.next_name
      @server.create(@name)
    end

    def configuration
      address = @server.address
      { adapter: "postgresql", host: address[:host], port: address[:port], username: address[:user], database: @name, pool: POOL }
    end

    def drop = @server.drop(@name)
  end

  KINDS = { sqlite: Sqlite, postgresql: Postgresql }.freeze

  class << self
    # @return [Array<Symbol>] those that can be had here
    # @raise [Lacking] with CI=true, unless all can
    def kinds = KINDS.keys.select { |kind| missing(kind).nil? || (raise Lacking, missing(kind) if ENV["CI"] == "true") }

    # All kinds, so that examples of one which is lacking are seen to be skipped.
    def each(&) = KINDS.each_key(&)

    # @return [String, nil]
    def missing(kind) = KINDS.fetch(kind).missing

    # A new database of the kind, with Active Record connected to it for the length of the block.
    def open(kind)
      raise Lacking, missing(kind) if missing(kind)
      require "active_record"
      database = KINDS.fetch(kind).new
      connected_to(database.configuration) { yield database }
    ensure
      database&.drop
    end

    private
      def connected_to(configuration)
        before = ActiveRecord::Base.connection_handler.retrieve_connection_pool("ActiveRecord::Base")&.db_config
        ActiveRecord::Schema.verbose = false
        ActiveRecord::Base.establish_connection(configuration)
        yield
      ensure
        ActiveRecord::Base.remove_connection
        ActiveRecord::Base.establish_connection(before) if before
      end
  end

  # What their examples have.
  module Examples
    include Waiting

    # @return [Sqlite, Postgresql] for its `configuration`, e.g. for a process that is not a fork
    attr_reader :database

    # A child, on connections of its own, gone with the example at the latest; what the block prints to its argument can be
    # read here. Our own connections are closed before: not to be called in a transaction.
    # @return [Array(Integer, IO)] its process id and the pipe
    def fork_child
      ActiveRecord::Base.connection_handler.clear_all_connections!(:all)
      reader, writer = IO.pipe
      child = fork do
        reader.close
        yield writer
        exit!(0)
      rescue Exception => error # what a child raises must not run the parent's examples
        writer.puts("#{error.class}: #{error.message}")
        exit!(1)
      end
      children << child
      writer.close
      [ child, reader ]
    end

    def read_line(io, what, within: 20)
      io.wait_readable(within) or raise TimedOut, "#{what}: nothing was said in #{within} s"
      io.gets&.chomp
    end

    # kill -9, and its end.
    def end_child(child)
      Process.kill("KILL", child)
      Process.wait(child)
    rescue Errno::ESRCH, Errno::ECHILD
      nil
    end

    def children = @children ||= []
  end
end

RSpec.configure do |config|
  config.include ApplicationDatabase::Examples, :application_database
  config.define_derived_metadata(:application_database) do |metadata|
    missing = ApplicationDatabase.missing(metadata[:application_database])
    metadata[:skip] ||= missing if missing && ENV["CI"] != "true"
  end

  # What is left is looked for when an example says so, and not besides, on a slow machine, by a thread.
  config.before(:each, :application_database) do |example|
    stub_const("Workflow::Recovery::FIRST_S", 3600) if defined?(Workflow::Recovery) && !example.metadata[:recovery]
  end

  # Declared before all others, around all others: those stop what may still use the database.
  config.around(:each, :application_database) do |example|
    ApplicationDatabase.open(example.metadata[:application_database]) do |database|
      @database = database
      example.run
    ensure
      children.each { |child| end_child(child) }
    end
  end
end
