# frozen_string_literal: true

require "active_record"
require_relative "../../support/receipts_table"

# The application under test. What steps and awaits change is counted in the record, each with transaction: true.
class Order < ActiveRecord::Base
  include Workflow

  workflow do
    now :pay, transaction: true
    await :confirm, expires_in: 3600, early: true
    later :pack, transaction: true
  end

  def pay
    update!(paid: paid + 1)
    raise IOError, "broken" if name == "broken"
  end

  def confirm(amount: 1)
    update!(confirmed: confirmed + amount)
    reject "too much" if amount > 9
  end

  def pack = update!(packed: packed + 1)
  def ship = update!(shipped: 1)
end

# What the application changes beside.
class Note < ActiveRecord::Base; end

# Waits for SQLite's lock without keeping other threads from running: one of them may hold it. As Rails does from 8.0 on.
module PatientSQLite
  def configure_connection
    super
    @raw_connection.busy_handler_timeout = 5000
  end
end
ActiveSupport.on_load(:active_record_sqlite3adapter) { prepend PatientSQLite }

# Its database.
module Application
  TABLES = [ "workflow_receipts", "notes", "orders" ].freeze

  class << self
    def create
      ReceiptsTable.create
      ActiveRecord::Schema.define do
        create_table(:notes) { |t| t.string :text }
        create_table(:orders) { |t| t.string :name; %i[paid confirmed packed shipped].each { |name| t.integer name, default: 0, null: false } }
      end
    end

    def empty? = connection.tables.empty?

    # Known from here on to all children.
    def learn_schema = [ Order, Note ].each(&:define_attribute_methods)

    # @return [Hash{String=>Array<Hash>}] by table
    def rows = TABLES.to_h { |table| [ table, connection.select_all("SELECT * FROM #{table}").to_a ] }

    def restore(rows)
      TABLES.each { |table| connection.delete("DELETE FROM #{table}") }
      rows.each { |table, all| all.each { |row| insert(table, row) } }
      TABLES.each { |table| connection.reset_pk_sequence!(table) } if connection.respond_to?(:reset_pk_sequence!)
    end

    # Nobody is connected who was killed: PostgreSQL may not have seen it yet, and go on with his transaction.
    def quiet?
      return true unless connection.adapter_name == "PostgreSQL"
      connection.select_value("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() " \
        "AND application_name LIKE 'killed %' AND application_name <> #{connection.quote(ENV["PGAPPNAME"])}").zero?
    end

    def leave = ActiveRecord::Base.connection_handler.clear_all_connections!(:all)

    private
      def connection = ActiveRecord::Base.connection

      def insert(table, row)
        connection.execute("INSERT INTO #{table} (#{row.keys.join(", ")}) VALUES (#{row.values.map { |value| connection.quote(value) }.join(", ")})")
      end
  end
end
