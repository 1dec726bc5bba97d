# frozen_string_literal: true

module Workflow
  class Receipts
    # The statements on the table, on one connection. Written with Arel, so that each adapter quotes as it must.
    class Table
      LOAD = "Workflow Receipt Load"
      # What Active Record has no line of in its log, whatever the level.
      QUIET = "SCHEMA"
      private_constant :LOAD, :QUIET

      # @param connection [ActiveRecord::ConnectionAdapters::AbstractAdapter]
      def initialize(connection)
        @connection = connection
      end

      # @return [Boolean] whether there is one
      # @raise [ReceiptsInvalid] when its columns or its index are not what they are to be
      def check
        return false unless @connection.table_exists?(name)
        missing = COLUMNS - @connection.columns(name).map(&:name)
        invalid("it has no column #{missing.join(", ")}") if missing.any?
        unique = @connection.indexes(name).any? { |index| index.unique && index.columns == %w[token] && index.where.nil? }
        invalid("its column token has no unique index, without which nothing is done only once") unless unique
        true
      end

      # @param row [Row]
      # @param pending [Boolean] whether somebody has to do something about it
      # @raise [ActiveRecord::RecordNotUnique]
      def insert(row, pending: false)
        now = Time.now
        values = { token: row.token, kind: row.kind, run_id: row.run_id, payload: row.payload, created_at: now,
          pending_since: (now if pending) }
        statement = Arel::InsertManager.new(arel)
        statement.insert(values.map { |name, value| [ arel[name], value ] })
        # `insert` would ask for the primary key first, and on SQLite who has read cannot write when another has since.
        @connection.update(statement, "Workflow Receipt Insert")
      end

      # Of this transaction's statements. Elsewhere it is the connection's own setting.
      def wait_at_most(ms)
        @connection.execute("SET LOCAL lock_timeout = #{ms}") if postgresql?
      end

      def update(token, payload)
        statement = Arel::UpdateManager.new(arel).set([ [ arel[:payload], quoted(payload) ] ]).where(arel[:token].eq(quoted(token)))
        @connection.update(statement, "Workflow Receipt Update")
      end

      # Of what nobody needs any more, so that nobody waits for the disk where that can be said for one statement. When the machine
      # loses power a row may come back: what the log is to be told it is told twice, which counts once; an input's receipt stays.
      def delete(tokens)
        statement = Arel::DeleteManager.new(arel).where(arel[:token].in(tokens.map { |token| quoted(token) }))
        return @connection.delete(statement, "Workflow Receipt Delete") if !postgresql? || @connection.transaction_open?
        @connection.execute("SET LOCAL synchronous_commit TO off; #{@connection.to_sql(statement)}", "Workflow Receipt Delete")
      end

      # @return [Row, nil]
      def find(token) = rows(selected.where(arel[:token].eq(quoted(token)))).first

      # @param quiet [Boolean] without a line in the log
      # @return [Array<Row>] oldest first
      def pending(before, limit, skipped, quiet: false)
        old = selected.where(arel[:pending_since].lteq(quoted(before))).order(arel[:pending_since], arel[:token])
        rows(old.take(limit).skip(skipped), quiet ? QUIET : LOAD)
      end

      private
        # Or an adapter made of that one, such as PostGIS.
        def postgresql?
          defined?(::ActiveRecord::ConnectionAdapters::PostgreSQLAdapter) && @connection.is_a?(::ActiveRecord::ConnectionAdapters::PostgreSQLAdapter)
        end

        def name = @name ||= Receipts.table_name
        def arel = @arel ||= Arel::Table.new(name)
        def quoted(value) = Arel::Nodes::Quoted.new(value)
        def selected = arel.project(arel[:token], arel[:kind], arel[:run_id], arel[:payload])

        # Never out of the query cache: others write to it.
        def rows(statement, name = LOAD)
          @connection.uncached { @connection.select_rows(statement, name) }.map { |values| Row.new(*values) }
        end

        def invalid(why)
          raise ReceiptsInvalid, "The table #{name} of #{@connection.pool.db_config.name} is not the one that this version of the gem " \
            "works with: #{why}. Make it with: bin/rails generate workflow:install, then bin/rails db:migrate."
        end
    end
  end
end
