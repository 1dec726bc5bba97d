# frozen_string_literal: true

module Reference
  # What is to become of records and their runs when an application starts, submits and cancels in its transactions, commits
  # them, rolls them back, or dies. Written from the documents: what is promised in a transaction happens if that commits, in
  # the order of the promises; where Recovery has to see to it, inputs come last. One workflow for all records: a step that
  # pays 1, an await that pays what it is given, and takes no more than 9.
  class Database
    Record = Struct.new(:paid, :runs)
    Run = Struct.new(:state, :input)
    Layer = Struct.new(:before, :promises)
    TAKEN_MAX = 9

    def initialize
      @records, @keys, @layers = {}, {}, []
    end

    def names = @records.keys
    def in_transaction? = @layers.any?
    def depth = @layers.size

    # @return [Hash{String=>Array}] what each record has paid, and its runs, oldest first
    def visible = @records.transform_values { |record| [ record.paid, record.runs.map(&:to_a) ] }

    # ---- Transactions ----

    def begin
      @layers << Layer.new(Marshal.load(Marshal.dump([ @records, @keys ])), [])
      nil
    end

    def commit
      layer = @layers.pop
      return @layers.last.promises.concat(layer.promises) && nil if in_transaction?
      keep(layer.promises)
    end

    def rollback
      @records, @keys = @layers.pop.before
      nil
    end

    # The process dies, before the outermost transaction has committed or right after it.
    def die(moment)
      return (rollback while in_transaction?) if moment == :before
      promises = @layers.flat_map(&:promises)
      @layers.clear
      keep(promises.partition { |promise| promise.first != :accept }.flatten(1))
    end

    # ---- Words: each returns what the caller is told ----

    def create(name, _ = nil)
      @records[name] = Record.new(0, [])
      start(name)
    end

    def create_once(name, key)
      return :existing if @keys.key?(key)
      @keys[key] = name
      create(name)
    end

    def start(name, _ = nil)
      return :existing if open_run(name) && !to_cancel?(name)
      promise(:start, name) ? :scheduled : :waiting
    end

    def submit(name, amount)
      return :refused unless open_run(name)&.state == :waiting && !pledged?(name) && amount <= TAKEN_MAX
      @records[name].paid += amount
      promise(:accept, name, amount)
      :accepted
    end

    def cancel(name, _ = nil)
      last = @records[name].runs.last
      return :refused if last.nil? || last.state == :done
      promise(:cancel, name, @records[name].runs.size - 1) if last.state == :waiting # not one that is only promised
      :ok
    end

    def touch(name, _ = nil)
      @records[name].paid += 100
      :ok
    end

    private
      def open_run(name) = @records[name].runs.find { |run| run.state == :waiting }
      def to_cancel?(name) = @layers.any? { |layer| layer.promises.any? { |kind, of| kind == :cancel && of == name } }
      def pledged?(name) = @layers.any? { |layer| layer.promises.any? { |kind, of| kind == :accept && of == name } }

      # @return [Boolean] whether it is put off
      def promise(*promise)
        in_transaction? ? @layers.last.promises << promise : keep([ promise ])
        in_transaction?
      end

      def keep(promises)
        promises.each_with_index do |(kind, name, what), index|
          case kind
          when :start then begin_run(@records[name])
          when :cancel then cancel_run(@records[name].runs[what], promises.drop(index).any? { |later, of| later == :accept && of == name })
          when :accept then accept(@records[name].runs.reverse.find { |run| %i[waiting cancelling].include?(run.state) }, what)
          end
        end
        nil
      end

      def begin_run(record)
        return if record.runs.any? { |run| %i[waiting cancelling].include?(run.state) }
        record.runs << Run.new(:waiting, nil)
        record.paid += 1
      end

      # Whoever holds the await ends first.
      def cancel_run(run, held) = (run.state = held ? :cancelling : :cancelled if run.state == :waiting)

      def accept(run, amount)
        run.state = run.state == :cancelling ? :cancelled : :done
        run.input = amount
      end
  end
end

module Differential
  # One sequence of transactions, each in a process of its own, which may die; beside it what the model says.
  class Transactions
    WORDS = %i[create create_once start submit submit cancel touch].freeze
    KEYS = 3
    RECORDS_MAX = 6
    LENGTH = 8

    # @return [Hash{Symbol=>Integer}] how often what happened
    attr_reader :succeeded

    # @yieldparam operations [Array] of one process
    # @yieldreturn [Array(Array, Hash)] what it was told word by word, and what is there in the end, once all is settled
    def initialize(seed, &live)
      @random, @live = Random.new(seed), live
      @model, @succeeded, @number = Reference::Database.new, Hash.new(0), 0
    end

    # @raise [Difference]
    def process
      operations, expected = invent
      told, visible = @live.call(operations, @model.visible)
      return if told == expected && visible == @model.visible
      raise Difference, "after #{operations.inspect}\n  the model says #{expected.inspect} #{@model.visible}\n  there is       #{told.inspect} #{visible}"
    end

    private
      def chance(percent) = @random.rand(100) < percent
      def one(list) = list[@random.rand(list.size)]

      # @return [Array(Array, Array)] operations, and what the model says to each
      def invent
        operations, told = [], []
        perform = lambda do |name, *arguments|
          operations << [ name, *arguments ]
          told << @model.public_send(name, *arguments)
          @succeeded[:"#{name}#{"_in_transaction" if @model.in_transaction?}"] += 1 unless told.last == :refused
        end
        (1 + @random.rand(LENGTH)).times { perform.call(*operation) }
        finish(perform, operations)
        [ operations, told ]
      end

      # What is open in the end is committed, rolled back, or left by a death.
      def finish(perform, operations)
        while @model.in_transaction?
          next perform.call(:die, one(%i[before after])) if chance(40)
          perform.call(one(%i[commit commit commit rollback]))
        end
        perform.call(:die, :before) if operations.last.first != :die && chance(10)
      end

      def operation
        return [ :begin ] if @model.depth.zero? && chance(60) || @model.depth.between?(1, 2) && chance(15)
        return [ one(%i[commit commit rollback]) ] if @model.in_transaction? && chance(15)
        word = one(@model.names.empty? ? %i[create create_once] : WORDS)
        word = :submit if %i[create create_once].include?(word) && @model.names.size >= RECORDS_MAX
        [ word, *arguments_of(word) ]
      end

      def arguments_of(word)
        case word
        when :create then [ "record #{@number += 1}" ]
        when :create_once then [ "record #{@number += 1}", @random.rand(KEYS) ]
        when :submit then [ one(@model.names), 1 + @random.rand(10) ]
        else [ one(@model.names) ]
        end
      end
  end
end
