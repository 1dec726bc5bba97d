# frozen_string_literal: true

require "active_record"
require "active_record/connection_adapters/postgresql_adapter" # else loaded with the first connection, while the clock runs

module Bench
  # The application's database: what is in it besides what a contender needs.
  module Application
    TABLES = %w[items signups].freeze

    def self.connect(address)
      ActiveRecord::Base.logger = nil
      ActiveRecord::Base.establish_connection(address)
    end

    # @yield makes the contender's own tables, where there are none yet
    def self.prepare
      ActiveRecord::Migration.verbose = false
      create && (yield if block_given?) unless ActiveRecord::Base.connection.table_exists?(:items)
      ActiveRecord::Base.connection.truncate_tables(*(ActiveRecord::Base.connection.tables - %w[schema_migrations ar_internal_metadata]))
    end

    def self.create
      ActiveRecord::Schema.define do
        create_table(:items) { |t| t.integer :number, null: false }
        create_table(:signups) do |t|
          t.integer :number, null: false, index: { unique: true }
          t.string :state, null: false, default: "new"
        end
      end
      true
    end

    def self.count(state) = ActiveRecord::Base.connection.select_value("SELECT count(*) FROM signups WHERE state = '#{state}'")

    def self.fill(numbers)
      numbers.each_slice(5000) { |some| Item.insert_all!(some.map { |number| { id: number + 1, number: number } }) }
    end

    # PostgreSQL's process behind this thread's connection; SQLite has none.
    def self.syncing
      ActiveRecord::Base.connection.then { |connection| [ connection.adapter_name == "SQLite" ? Process.pid : connection.select_value("SELECT pg_backend_pid()") ] }
    end

    def self.sync_mode
      connection = ActiveRecord::Base.connection
      return "fsync=#{connection.select_value("SHOW fsync")}, synchronous_commit=#{connection.select_value("SHOW synchronous_commit")}" unless connection.adapter_name == "SQLite"
      "SQLite #{connection.database_version}, journal_mode=#{connection.select_value("PRAGMA journal_mode")}, " \
        "synchronous=#{%w[OFF NORMAL FULL EXTRA][connection.select_value("PRAGMA synchronous")]}"
    end
  end

  # A row to do something with.
  class Item < ActiveRecord::Base
    self.table_name = "items"

    def visit = Tally.note(number)
  end

  # What happens to a signup, whoever calls it: each step is one change of its row.
  module SignupSteps
    CODE = "1234"

    def create_account = update!(state: "account")

    def send_link
      update!(state: "sent")
      Tally.note(number * 2)
    end

    def activate(code:)
      update!(state: "active") if code == CODE
    end

    def start_onboarding
      update!(state: "welcome")
      Tally.note(number * 2 + 1)
    end
  end
end
