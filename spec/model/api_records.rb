# frozen_string_literal: true

require "active_record"
require_relative "invention"

module Differential
  # Records for subjects, in a database of a session's own: of each key there is one, until it is gone.
  class ApiRecords
    POOL = 100

    # What the classes that are made have in common: the connection.
    class Record < ActiveRecord::Base
      self.abstract_class = true
    end

    # @return [Class] whose subclasses have the records
    def parent = Record

    # @param types [Hash{Integer=>String}] of keys, of those that are of a subclass
    def initialize(directory, table, types)
      @table, @types, @there = table, types, []
      Record.establish_connection(adapter: "sqlite3", database: File.join(directory, "application.sqlite3"), pool: POOL, timeout: 5000)
      Record.connection_pool.with_connection { |connection| connection.create_table(table, force: true) { |t| t.string :type } }
      Invention::KEYS.times { |key| restore(key) }
    end

    def close = Record.remove_connection

    # An object as somebody has it who has found it when it was there.
    def found(klass, key) = klass.instantiate("id" => id(key), "type" => @types[key])

    def there?(key) = @there.include?(key)

    def restore(key)
      Record.connection_pool.with_connection do |connection|
        connection.execute("INSERT INTO #{@table} (id, type) VALUES (#{id(key)}, #{connection.quote(@types[key])})")
      end
      @there << key
    end

    # @return [Boolean] whether somebody has destroyed it
    def noticed?(key)
      count = Record.connection_pool.with_connection { |connection| connection.select_value("SELECT COUNT(*) FROM #{@table} WHERE id = #{id(key)}") }
      count.zero? && !!forget(key)
    end

    def forget(key) = @there.delete(key)

    # @return [ActiveRecord::Base] gone with its callbacks
    def destroy(klass, key)
      forget(key)
      klass.find(id(key)).destroy!
    end

    # Past all callbacks.
    def delete(klass, key)
      forget(key)
      klass.where(id: id(key)).delete_all
    end

    def id(key) = key + 1
  end
end
