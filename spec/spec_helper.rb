# frozen_string_literal: true

# Real stores in a directory of each example's own; no sleeping: whoever waits says what for, and until when.
require "workflow"
require "logger"
require "stringio"
require "tmpdir"
require_relative "../bin/support/waiting"
require_relative "../bin/support/eventually"
require_relative "support/application_database" # its hook is to be the outermost
require_relative "support/replay"
require_relative "support/watchdog"

# An example's own store, and what it needs to see steps run.
module StoreOfItsOwn
  include Eventually

  def instead = "; the log ends with\n#{Workflow.events.last(10).map { |event| "  #{event.inspect} #{event.error} #{event.data[:where]}" }.join("\n")}"

  # A worker in this process, stopped at the end of the example.
  def work(threads: 2)
    Workflow::Worker.new(threads: threads).start.tap { |worker| workers << worker }
  end

  # What must not depend on where steps ran.
  def facts_of(run) = run.events.map(&:signature)

  # Defines a class under a name for the length of the example, so that workers find it.
  def define(name, parent = Object, &body)
    stub_const(name, Class.new(parent))
    Object.const_get(name).class_eval(&body) if body
    Object.const_get(name)
  end

  def workers = @workers ||= []
end

# What an example started is over with it: a thread that went on would work on the stores of those that follow.
module Leftovers
  class Left < StandardError; end

  PATIENCE_S = 10

  def self.check
    threads.each { |thread| thread.join(PATIENCE_S) }
    raise Left, "left running: #{threads.map { |thread| [ thread.name, *thread.backtrace&.first(3) ].join("\n  ") }.join("\n")}" if threads.any?
  end

  def self.threads = Thread.list.select { |thread| thread.name&.start_with?("workflow-") }
end

# ActiveRecord on a SQLite file of its own, for the examples that say `:records`.
module Records
  def self.connect
    return if @connected
    require "active_record"
    I18n.reload! # what was translated before has left it without Active Model's texts
    @directory = Dir.mktmpdir("workflow-records")
    owner = Process.pid
    at_exit { FileUtils.rm_rf(@directory) if Process.pid == owner } # a child that ends as told would take it from us
    ActiveRecord::Base.establish_connection(adapter: "sqlite3", database: database, pool: 20, timeout: 5000)
    ActiveRecord::Schema.verbose = false
    @connected = true
  end

  def self.database = File.join(@directory, "application.sqlite3")

  # Makes a table for the length of the example, and the class for it.
  def table(name, class_name = nil, &columns)
    ActiveRecord::Schema.define { create_table(name, force: true, &columns) }
    ActiveRecord::Base.connection.schema_cache.clear!
    ActiveRecord::Base.connection_pool.connections.each { |connection| look_again(connection) }
    define(class_name || name.to_s.delete_suffix("s").capitalize, ActiveRecord::Base) { self.table_name = name.to_s }
  end

  # Workers' threads have connections too. One that has not looked since prepares a statement with the columns that there were, and
  # SQLite finds out only when it runs: then a record lacks attributes.
  def look_again(connection)
    connection.clear_cache!
    connection.execute("SELECT count(*) FROM sqlite_master") unless connection.owner
  end
end

RSpec.configure do |config|
  config.disable_monkey_patching!
  config.before(:suite) { Watchdog.watch(config.reporter) }
  config.order = :random
  Kernel.srand config.seed
  config.expect_with(:rspec) { |expectations| expectations.include_chain_clauses_in_custom_matcher_descriptions = true }
  config.mock_with(:rspec) { |mocks| mocks.verify_partial_doubles = true }

  own = { file_path: %r{spec/(workflow/|docs/snippets)} }
  config.include StoreOfItsOwn, own
  config.include Records, :records
  config.include Records, :application_database
  config.before(:all, :records) { Records.connect }
  config.after(:all, :records) { ActiveRecord::Base.connection_handler.clear_all_connections! } # a fork would inherit them

  config.around(:each, own) do |example|
    Dir.mktmpdir("workflow") do |directory|
      @directory = directory
      Workflow.configure { |c| c.store = "sqlite:#{directory}/log.sqlite3"; c.file = "#{directory}/workflow.yml" }
      example.run
    ensure
      workers.each { |worker| worker.stop(timeout: 5) }
      Workflow.runtime.stop(timeout: 5)
      Workflow::Mirror.forget
      ActiveSupport::CurrentAttributes.clear_all if defined?(ActiveSupport::CurrentAttributes) # they are kept by the names of classes
      Leftovers.check
      Replay.check(directory) if Replay.of?(example)
    end
  end
end
