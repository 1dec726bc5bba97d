# frozen_string_literal: true

require_relative "receipts/deletion"
require_relative "receipts/table"
require_relative "receipts/transaction"

module Workflow
  # The table `workflow_receipts` of one application database, which ties it to the log. In it are intents: what the log
  # is to be told once the application's transaction has committed, and that somebody has to tell; and receipts: that a
  # step's changes to the database are committed. A row's token says what it is about, and is there once.
  # Without the table everything works but for that.
  class Receipts
    TABLE = "workflow_receipts"
    COLUMNS = %w[created_at kind payload pending_since run_id token].freeze
    # How long it is believed that there is no table: for as long as that has been so already, within these bounds. In development,
    # where migrations come at any time, never for longer than the first.
    MISSING_S = (10..120)
    # How long a lookup waits for a transaction that is open.
    WAIT_MS = 2_000
    # At most so many leftovers at a time.
    PAGE = 100
    # At most so many rows are deleted by one statement.
    DELETED = 1_000

    # Whether a transaction has committed cannot be found out now. Its cause is why.
    class Unknown < StandardError; end

    Conflict = Class.new(StandardError)
    private_constant :Conflict

    # Somebody has a key that is to be had once. Its row is whose.
    class Taken < StandardError
      attr_reader :row

      def initialize(row)
        @row = row
        super("#{row.token} is run #{row.run_id}'s")
      end
    end

    Row = Struct.new(:token, :kind, :run_id, :payload) do
      # @return [Boolean] whether the step is done; else it is not to be done by that transaction any more
      def done? = kind == "done"
    end

    # Where a pool keeps what is known of its table.
    IVAR = :@workflow_receipts

    @generation = 0

    class << self
      # @param klass [Class] of a subject
      # @return [Receipts, nil] of the database of that class, plain objects having the application's first; nil: it has none
      # @raise [ReceiptsInvalid]
      def of(klass) = at(klass)&.then { |receipts| receipts if receipts.there? }

      # The same, where something is to count only with the transaction that is open.
      # @return [Receipts, nil] nil: there is no transaction, or no table
      def in_transaction(klass)
        receipts = at(klass)
        return unless receipts&.open?
        receipts.there? ? receipts : warn_of_absence(klass)
      end

      # @return [Array<Receipts>] of all databases in which there can be any, whether or not they have the table: the application's first and
      #   those of subjects' classes that are loaded, each on its default shard. No other is to be connected to for that
      def all
        return [] unless defined?(::ActiveRecord::Base)
        classes = [ ::ActiveRecord::Base, *::ActiveRecord::Base.descendants.grep(Declaring) ]
        classes.filter_map { |klass| writing_pool(klass) }.uniq.map { |pool| new(pool) }
      end

      # @return [String] of the table, as Rails' migration makes it: with the application's prefix and suffix, of whatever database
      def table_name = "#{::ActiveRecord::Base.table_name_prefix}#{TABLE}#{::ActiveRecord::Base.table_name_suffix}"

      # Whether or not it has the table.
      # @return [Receipts, nil] nil: there is no database
      # @raise [Error] on another shard than the class's default one, where a worker would look
      def at(klass)
        return unless defined?(::ActiveRecord::Base)
        record = Subject.record?(klass)
        Subject.refuse_shard(klass) if record
        pool = writing_pool(record ? klass : ::ActiveRecord::Base) || (klass.connection_pool if record)
        new(pool) if pool
      end

      # @return [String] for errors: that there is none, and what to do
      def absence(klass)
        return "there is no Active Record" unless defined?(::ActiveRecord::Base)
        database = (Subject.record?(klass) ? klass : ::ActiveRecord::Base).connection_db_config.name
        "the database #{database} has no table #{table_name}. Make it with: bin/rails generate workflow:install" \
          "#{" --database #{database}" unless database == "primary"}, then bin/rails db:migrate."
      end

      # Once a process, in development.
      # @return [nil]
      def warn_of_absence(klass)
        return if @warned || Workflow.configuration.environment != "development"
        @warned = true
        Workflow.configuration.logger&.warn do
          "workflow: a record and its run are two commits, and what is started, submitted or cancelled in a transaction counts though that may be " \
            "rolled back: #{absence(klass)}"
        end
        nil
      end

      # @return [Integer] what is known was found out in this one
      # @api private
      attr_reader :generation

      # Looks again whether there are tables.
      # @api private
      def forget
        @generation += 1
        @warned = false
      end

      private
        # Also where it is read from a replica just now: what counts is the transaction that may write.
        def writing_pool(klass)
          klass.connection_handler.retrieve_connection_pool(klass.connection_specification_name, role: ::ActiveRecord.writing_role, shard: klass.default_shard)
        end
    end

    # @param pool [ActiveRecord::ConnectionAdapters::ConnectionPool]
    def initialize(pool)
      @pool = pool
    end

    # @return [String] what config/database.yml calls the database
    def name = @pool.db_config.name

    # @return [Boolean]
    # @raise [ReceiptsInvalid] when it is not the table that the gem makes
    def there?
      found, at, since, generation = @pool.instance_variable_get(IVAR)
      known = generation == Receipts.generation
      return found if known && (found || now - at < patience(at - since))
      found = with(&:check)
      @pool.instance_variable_set(IVAR, [ found, now, known ? since : now, Receipts.generation ])
      found
    end

    # The application's transaction that this thread is in; not the one that a test is wrapped in.
    # @return [Transaction]
    def transaction = Transaction.new(@pool)

    # @return [Boolean] whether this thread is in a transaction of the application
    def open? = transaction.open?

    # In a transaction of this database: the one that is open, or one for the block.
    # @param afresh [Boolean] within that one, one that can be rolled back alone
    # @param witness [String, nil] the token of a row that the block writes: by it is found out whether the transaction has
    #   committed, when its end was not heard of
    # @return [Object, nil] what the block returned; nil if it left by a Rollback
    # @raise [Unknown]
    def within(afresh: false, witness: nil, &block)
      value, ended = nil, false
      @pool.with_connection do |connection|
        connection.transaction(requires_new: afresh) do
          value = block.call
          ended = true
        end
      end
      value
    rescue Conflict => conflict
      row = find(conflict.message) or raise conflict.cause # a transaction that sees nothing younger than itself does not find it
      raise Taken, row
    rescue ::ActiveRecord::ActiveRecordError => error
      raise unless ended && witness && !open? && committed?(witness)
      Report.error(error, handled: true, context: { token: witness }) # of the connection, or of what the application does after commits
      value
    end

    # Takes what can be taken once, in the transaction that is open. Waits for another that has and is not over.
    # @return [void]
    # @raise [Taken] out of {#within}, which is rolled back
    def claim(token, run_id)
      with { |table| table.insert(Row.new(token, "key", run_id)) }
    rescue ::ActiveRecord::RecordNotUnique
      raise Conflict, token
    end

    # What the log is to be told, written in the transaction that is open.
    # @return [void]
    def intend(token, kind, run_id, payload)
      with { |table| table.insert(Row.new(token, kind, run_id, payload), pending: true) }
    end

    # A row of which there is one, with what it says now.
    # @return [void]
    def put(token, kind, payload)
      with { |table| table.update(token, payload).positive? || table.insert(Row.new(token, kind, nil, payload)) }
    rescue ::ActiveRecord::RecordNotUnique
      nil # another says it in this moment
    end

    # What the rows were for is in the log. A row that cannot be deleted now is found again, and counts once all the same.
    # @yieldparam error [ActiveRecord::ActiveRecordError] why not
    # @return [Boolean] whether they are gone
    def done(*tokens)
      tokens.each_slice(DELETED) { |some| with { |table| table.delete(some) } }
      true
    rescue ::ActiveRecord::ActiveRecordError => error
      Report.error(error, handled: true, context: { token: tokens.first })
      yield error if block_given?
      false
    end

    # @return [Row, nil]
    def find(token) = with { |table| table.find(token) }

    # The receipt, or the certainty that there is never going to be one. Waits a little for a transaction that has written it
    # and is not over. Not within a transaction, which might be rolled back.
    # @return [Row, nil]
    # @raise [ActiveRecord::ActiveRecordError]
    def find_or_void(token, run_id)
      find(token) unless void(token, run_id)
    end

    # Intents that nobody has told the log of, oldest first.
    # @param age_s [Numeric] for at least so long
    # @param skipped [Integer] how many of the first are left out
    # @param quiet [Boolean] without a line in Active Record's log
    # @return [Array<Row>] at most PAGE
    def leftovers(age_s, skipped = 0, quiet: false) = with { |table| table.pending(Time.now - age_s, PAGE, skipped, quiet: quiet) }

    # Runs the block in a transaction of its own, of which a receipt is the first part.
    # @param tokens [Array<String>] of the receipt; and of others that nobody has found yet, which are not to be written any more
    # @param payload [String, nil] what the receipt keeps
    # @yieldreturn [String, nil] the same, where it is known only then
    # @return [Row, nil] what is there already; nil: the block was run, and is committed unless it left by a Rollback
    # @raise [Unknown]
    def once(tokens, run_id, payload: nil, &block)
      written = false
      within(afresh: true, witness: tokens.first) do
        write(tokens, run_id, payload)
        written = true
        result = block.call
        with { |table| table.update(tokens.first, result) } if result
      end
      nil
    rescue ::ActiveRecord::RecordNotUnique
      raise if written
      standing(tokens) or raise
    end

    # Whether a row is committed. Waits a little for a transaction that has written it and is not over.
    # @raise [Unknown] when the database does not say
    def committed?(token)
      !void(token) { raise ::ActiveRecord::Rollback }
    rescue ::ActiveRecord::ActiveRecordError
      raise Unknown
    end

    private
      def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      def patience(missing_s) = Workflow.configuration.environment == "development" ? MISSING_S.begin : missing_s.clamp(MISSING_S)

      # @yield in the transaction
      # @return [Boolean] false: there is a row
      def void(token, run_id = nil)
        within(afresh: true) do
          with do |table|
            table.wait_at_most(WAIT_MS)
            table.insert(Row.new(token, "void", run_id))
          end
          yield if block_given?
        end
        true
      rescue ::ActiveRecord::RecordNotUnique
        false
      end

      def write(tokens, run_id, payload)
        own, *others = tokens
        with do |table|
          table.insert(Row.new(own, "done", run_id, payload))
          others.each { |token| table.insert(Row.new(token, "void", run_id)) }
        end
      end

      # What is done comes first.
      def standing(tokens) = tokens.filter_map { |token| find(token) }.min_by { |row| row.done? ? 0 : 1 }

      def with = @pool.with_connection { |connection| yield Table.new(connection) }
  end
end
