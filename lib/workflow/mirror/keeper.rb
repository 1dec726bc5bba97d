# frozen_string_literal: true

require_relative "../background"

module Workflow
  module Mirror
    # The thread that keeps mirrored columns true: follows the log and writes how each run stands that has moved, from a position
    # that is kept with the columns, so that nothing is left out however a process ends. Of all processes on a log one does it;
    # when that one ends, another goes on within a second. What serves neither pages nor steps (a console
    # that somebody has left) does it only while nobody else does, and lets go each time that it has written what there is.
    class Keeper < Background
      BATCH = 500
      # How often it looks for classes that were loaded meanwhile, and whether it is to stop.
      WAIT_MS = 500
      # Between two attempts to become the one that does it; and after a database could not be written.
      PAUSE_S = 1
      TROUBLE_S = 5
      # So often the position is written at most.
      NOTE_S = 1
      PATIENCE_S = 2

      # What will not go away by leaving the row out.
      TROUBLE = %w[ConnectionNotEstablished NoDatabaseError QueryAborted TransactionRollbackError].freeze

      # @param runtime [Runtime]
      def initialize(runtime)
        @runtime = runtime
        @known = {}
        super("workflow-mirror", patience_s: PATIENCE_S)
      end

      private
        # @return [Numeric] seconds until it is to be tried again
        def work
          engine = engine_to_follow
          follow(engine) while engine&.alive? && !@stopped && engine.leads?
          PAUSE_S
        rescue StandardError => error
          Report.error(error, handled: true) unless @stopped
          TROUBLE_S
        end

        # None is opened once this is to stop: it would be left behind.
        def engine_to_follow = @lock.synchronize { @runtime.engine unless @stopped }

        def follow(engine)
          begin_anew(engine) unless @engine.equal?(engine)
          catch_up(engine) if @grown || @watched != Mirror.watched || noting?
          engine.resign unless @runtime.serving?
          @grown = interruptible { engine.wait_log(@position, WAIT_MS) } unless @stopped
        end

        def catch_up(engine)
          @runtime.configuration.wrap do
            begin_with_new(engine) unless @watched == Mirror.watched
            read_on(engine)
            note if noting?
          end
        end

        def begin_anew(engine)
          @engine, @known, @position, @noted_at = engine, {}, engine.last_position, 0
          @log = @watched = nil
        end

        # What log it is: the run that it begins with. nil: nothing is in it.
        def log = @log ||= @engine.log(0, 1).first&.at(1)

        # Workflows that this process knows since a moment ago: from where they are true.
        def begin_with_new(engine)
          watched = Mirror.watched
          Mirror.families.each do |klass, names|
            keys = names.map { |name| "#{klass.name}/#{name}" }
            next if keys.all? { |key| @known.key?(key) }
            from = begin_with(engine, klass, names, keys) or next
            @position = [ @position, from ].min
            keys.each { |key| @known[key] = klass.name }
          end
          @watched = watched
        end

        # @return [Integer, nil] a position; nil: the columns are missing, or this is to stop
        def begin_with(engine, klass, names, keys)
          names.each { |name| verify(klass, name) }
          last = engine.last_position
          known = keys.map { |key| Positions.new(klass, log).of(key) }
          return known.min if known.all? { |position| position.is_a?(Integer) && position <= last }
          last if Rebuilding.new(klass, names, over: -> { @stopped }).run
        rescue DefinitionError => error
          Report.error(error, handled: true)
          nil
        end

        def verify(klass, name)
          [ klass, *klass.descendants ].each { |one| Columns.of(one, name)&.verify }
        end

        def read_on(engine)
          until @stopped || (rows = engine.log(@position, BATCH)).empty?
            mirror(engine, rows.map { |row| row[1] }.uniq)
            @position = rows.last.first
            note if noting?
          end
        end

        # What counts is the object's current run, which may be another one by now.
        def mirror(engine, run_ids)
          names = @known.values.uniq
          keys = engine.fetch(run_ids).filter_map { |snapshot| snapshot[:key] if names.include?(snapshot[:class_name]) }.uniq
          engine.currents(keys).compact.each { |snapshot| write(engine, snapshot) unless @stopped }
        end

        def write(engine, snapshot)
          columns = Mirror.columns_for(snapshot) or return
          columns.write(Run.new(snapshot)) || overtaken(engine, columns, snapshot)
        rescue StandardError => error
          raise if trouble?(error)
          Report.error(error, handled: true, context: { run_id: snapshot[:id] })
        end

        # The current run is not always the one of the greatest id: one that was promised earlier may have begun after it.
        def overtaken(engine, columns, snapshot)
          return if engine.list(snapshot[:key], nil, 1).first&.fetch(:id) == snapshot[:id]
          record = columns.record_of(snapshot) or return
          columns.correct(record, engine.current(snapshot[:key]))
        end

        def trouble?(error) = error.is_a?(StoreError) || TROUBLE.any? { |name| error.is_a?(::ActiveRecord.const_get(name)) }

        def noting? = @position != @noted && now - @noted_at >= NOTE_S

        # Behind what it says of, never before it.
        def note
          return if log.nil?
          @known.group_by(&:last).each do |name, known|
            klass = Declarations.class_of(name)
            Positions.new(klass, log).put(known.map(&:first), @position) if klass
          end
          @noted, @noted_at = @position, now
        end

        def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    end
  end
end
