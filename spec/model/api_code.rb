# frozen_string_literal: true

require "yaml"
require_relative "api_failures"
require_relative "api_fields"
require_relative "api_records"

module Differential
  # Where the code of steps stops and asks how to go on, and where whoever drives it hears of that: every body, every
  # condition, every call that returned. So the order of things is the list's of operations, whatever threads do.
  class Door
    HEAR_S = 20
    LOOK_S = 0.1

    # Somebody's code is at the door: `where` is :while or :proc (see ApiCode::WHILE), :condition, :body, :otherwise or :remind. The input
    # is what its method was given.
    Arrival = Struct.new(:thread, :run_id, :step, :attempt, :cursor, :where, :reminder, :input, :reply)
    # A call of a public word is over. The error is what it raised.
    Outcome = Struct.new(:thread, :value, :error)
    # A worker's thread has handed in how a step ended.
    Left = Struct.new(:thread)

    def initialize
      @lock = Mutex.new
      @heard = ConditionVariable.new
      @messages = []
    end

    # Called by steps.
    # @return [Array] how to go on
    def knock(run, step, where, input)
      reply = Thread::Queue.new
      tell(Arrival.new(Thread.current, run.id, step, run.attempt, run.cursor, where, Workflow::Execution.current.work.remind?, input, reply))
      reply.pop
    end

    def tell(message)
      @lock.synchronize do
        @messages << message
        @heard.broadcast
      end
    end

    # @param vain [Proc, nil] asked now and then: whether there is nothing to wait for any more
    # @return [Object, nil] the first message that the block wants
    # @raise [Difference] when it does not come
    def hear(what, vain: nil, &wanted)
      deadline = now + HEAR_S
      @lock.synchronize do
        until (at = @messages.index(&wanted))
          return if vain&.call
          raise Difference, "#{what}: not heard of; but of #{@messages.inspect}" if now > deadline
          @heard.wait(@lock, LOOK_S)
        end
        @messages.delete_at(at)
      end
    end

    # For what is over in moments.
    # @raise [Difference] when it does not come
    def wait(what)
      deadline = now + HEAR_S
      until yield
        raise Difference, "#{what}: not seen; but #{unheard.inspect}" if now > deadline
        Thread.pass
      end
    end

    def forget(&unwanted) = @lock.synchronize { @messages.reject!(&unwanted) }

    # @return [Array] what nobody expected
    def unheard = @lock.synchronize { @messages.dup }

    private
      def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end

  # An application made of invented designs: one class with a workflow, and config/workflow.yml beside it. Both change when
  # the code does. What a design says of places is said by the file.
  class ApiCode
    CLASS = :ModelOrder
    TABLE = "model_orders"
    # The workflows of the class: what is one key to the model is one object's runs of one of them.
    NAMES = %i[workflow beside].freeze
    BESIDE = 10
    # The class of the objects of the last key, if there is one besides. It may replace the first workflow.
    CHILD = :ModelExpress
    HEIR = 1
    # What `while:` names, as a design has it, in the order asked: a method, a proc, or a list of both.
    WHILE = { method: %i[while], proc: %i[proc], list: %i[proc while] }.freeze
    KNOWN = %i[name kind after either place retries backoff expires otherwise wait asks was early remind once pace again fields].freeze

    # What the public words can say of a design: an either is written as one block, an otherwise has an expiry, a reminder
    # comes before it, and conditions stay as they were, so that what asks is known beforehand. The file has places only of
    # what all versions run. What this file does not know of yet is left out.
    # @return [Array<Hash>]
    def self.sayable(designs)
      besides = sayable_versions(designs.filter_map { |design| design[:beside] })
      line = sayable_versions([ *designs, *designs.filter_map { |design| design[:heir] } ])
      designs.each_index.map do |version|
        heir = line[designs.size + designs.first(version).count { |design| design[:heir] }] if designs[version][:heir]
        line[version].merge({ beside: besides[version], heir: heir }.compact)
      end
    end

    def self.sayable_versions(designs)
      return [] if designs.empty?
      delayed = designs.flat_map { |design| design[:parts] }.select { |part| part[:wait] }
      asking = (delayed + designs.first[:parts].select { |part| part[:asks] }).map { |part| number(part[:name]) }
      placed = designs.map { |design| design[:parts].reject { |part| part[:kind] == :await }.map { |part| part[:name] } }.reduce(:&)
      designs.map { |design| design.merge(parts: in_blocks(design[:parts].map { |part| sayable_part(part, asking, placed) })) }
    end

    # A delayed await is asked when its time has come, conditions or none: it has some here.
    def self.sayable_part(part, asking, placed)
      part = part.slice(*KNOWN)
      part.delete(:place) unless placed.include?(part[:name])
      part.delete(:otherwise) unless part[:expires]
      part.delete(:remind) if part[:expires] && part[:remind].to_i >= part[:expires]
      part[:otherwise] &&= "expired_#{number(part[:name])}"
      part[:asks] = asking.include?(number(part[:name])) if part[:kind] == :await
      part.compact
    end

    def self.in_blocks(parts)
      group = parts.select { |part| part[:either] }
      parts.flat_map { |part| part[:either] ? (part.equal?(group.first) ? group : []) : [ part ] }
    end
    private_class_method :sayable_versions, :sayable_part, :in_blocks

    # @param key [Integer] of runs in the model
    # @return [Symbol] of their workflow
    def self.workflow(key) = NAMES[key / BESIDE]

    # @return [Integer] the key of the object that they are about
    def self.object(key) = key % BESIDE

    # @param design [Hash] a version of the code
    # @return [Hash, nil] what it says of the workflow of these runs
    def self.said(design, key)
      return design[:beside] unless key < BESIDE
      key == HEIR && design[:heir] || design
    end

    # @return [Class] of the objects of a key
    def self.class_name(design, key) = design[:child] && object(key) == HEIR ? CHILD : CLASS

    # @return [Array<Hash>] the parts of all workflows of the class, those of its subclass too; or of the subclass
    def self.parts(design, child: false)
      own = child && design[:heir] ? design[:heir][:parts] : design[:parts]
      [ *own, *design.dig(:beside, :parts), *(design.dig(:heir, :parts) unless child) ]
    end

    def self.number(name) = Integer(name.to_s[/\d+/])

    # Whether a step asks before it runs: every other one; an await when its design says so.
    def self.asks?(part) = part[:kind] == :await ? part[:asks] : number(part[:name]).even?

    # @return [Symbol] the word in front of its condition
    def self.word(name) = (number(name) % 4).zero? ? :if : :unless

    # @param said [Hash] what the code says of a workflow
    # @return [Array<Symbol>] what `while:` asks, in order; empty: nothing
    def self.whiles(said) = WHILE.fetch(said[:while], [])

    # Whether what it returns is kept.
    def self.result?(name) = number(name) % 3 == 1

    # @param designs [Array<Hash>] that are {sayable}
    # @param directory [String] for the file where places are written, and the records if they are what runs are about
    def initialize(designs, directory, door)
      @designs, @file, @door = designs, File.join(directory, "workflow.yml"), door
      @records = ApiRecords.new(directory, TABLE, designs.first[:child] ? { HEIR => CHILD.to_s } : {}) if designs.first[:on_destroy]
    end

    # @param where [Symbol] what `while:` asked, and was answered no
    # @return [String] why the run is cancelled
    def over(where) = "while: #{where == :while ? "active?" : "a proc at #{proc_asked.source_location.join(":")}"}"

    # @return [ApiRecords, nil] nil: runs are about plain objects
    attr_reader :records

    # What runs from now on.
    def deploy(index)
      withdraw
      klass = Object.const_set(CLASS, Class.new(@records&.parent || Object))
      write(klass, @design = @designs[index])
      if @design[:child]
        child = Object.const_set(CHILD, Class.new(klass))
        declare_workflow(child, :workflow, @design[:heir]) if @design[:heir]
      end
      File.write(@file, YAML.dump("model" => { "steps" => { CLASS.to_s => places(@designs[index]) } }))
      Workflow.configuration.reload
    end

    def withdraw
      [ CLASS, CHILD ].each { |name| Object.__send__(:remove_const, name) if Object.const_defined?(name) }
    end

    # Everything is over.
    def close
      withdraw
      @records&.close
    end

    def klass = Object.const_get(CLASS)
    def order(key) = ApiCode.object(key).then { |key| @records ? @records.found(klass, key) : class_of(key).new(key) }
    def class_of(key) = Object.const_get(ApiCode.class_name(@design, key))

    # One line of the workflow's block.
    def declare(dsl, part)
      options = { after: part[:after].map(&:to_sym), wait: seconds(part[:wait]) }
      options[ApiCode.word(part[:name])] = :"asked_#{ApiCode.number(part[:name])}" if ApiCode.asks?(part)
      options.update(part[:kind] == :await ? of_await(part) : of_step(part))
      dsl.public_send(part[:kind], part[:name].to_sym, **options.compact)
      part[:was]&.each { |old| dsl.renamed(old.to_sym, to: part[:name].to_sym) }
    end

    # A body or a condition, until it is told how it ends; it may say how far it is before that.
    def stop(object, where, input = {})
      loop do
        how, what = @door.knock(object.workflow, current_step(object.class), where, input)
        case how
        when :return then return what
        when :raise then raise(*what)
        when :reject then object.__send__(:reject, what)
        else object.__send__(how, *what.fetch(:words, []), **what.fetch(:options, {}))
        end
      end
    end

    # @return [Symbol] the step that is at it, as the code calls it
    def current_step(klass) = Workflow::Execution.current.work.then { |work| klass.workflow(work.name.to_sym).step(work.step).name }

    private
      def seconds(milliseconds) = milliseconds && milliseconds / 1000

      def of_step(part)
        (part[:once] ? { once: true } : ApiFailures.options(part)).merge(result: ApiCode.result?(part[:name]))
      end

      def of_await(part)
        { expires_in: seconds(part[:expires]), otherwise: part[:otherwise]&.to_sym, early: part[:early], fields: ApiFields::FIELDS[part[:fields]],
          remind: part[:remind] && { after: seconds(part[:remind]), with: :"remind_#{ApiCode.number(part[:name])}" } }
      end

      def places(design)
        ApiCode.parts(design.except(:heir)).reverse.select { |part| part[:place] }.to_h { |part| [ part[:name], part[:place].to_s ] }
      end

      def write(klass, design)
        code, plain = self, @records.nil?
        klass.class_eval do
          include Workflow
          plain ? code.__send__(:remember, self) : self.table_name = TABLE
          define_method(:active?) { code.stop(self, :while) }
        end
        NAMES.zip([ design, design[:beside] ]) { |name, said| declare_workflow(klass, name, said) if said }
        names = ApiCode.parts(design).map { |part| part[:name] }.uniq
        names.each { |name| klass.define_method(name) { |**input| code.stop(self, :body, input) } }
        names.map { |name| ApiCode.number(name) }.uniq.each { |number| write_methods(klass, number) }
      end

      def declare_workflow(klass, name, said)
        code = self
        asked = { while: :active?, proc: proc_asked }.values_at(*ApiCode.whiles(said))
        options = { unique: said[:unique], while: (asked.one? ? asked.first : asked if asked.any?), on_destroy: said[:on_destroy] }.compact
        klass.workflow(name, **options) { code.__send__(:declare_all, self, said[:parts]) }
      end

      # Of the object that it is asked of.
      def proc_asked
        code = self
        @proc_asked ||= -> { code.stop(self, :proc) }
      end

      def remember(klass)
        klass.class_eval do
          remembers :key
          attr_reader :key
          define_method(:initialize) { |key| @key = key }
        end
      end

      def declare_all(dsl, parts)
        code = self
        parts.chunk_while { |one, next_one| one[:either] && one[:either] == next_one[:either] }.each do |group|
          next declare(dsl, group.first) if group.one?
          dsl.either { group.each { |part| code.declare(self, part) } }
        end
      end

      # By number: a step keeps them under another name.
      def write_methods(klass, number)
        code = self
        klass.define_method(:"asked_#{number}") { code.stop(self, :condition) }
        klass.define_method(:"expired_#{number}") { code.stop(self, :otherwise) }
        klass.define_method(:"remind_#{number}") { code.stop(self, :remind) }
      end
  end
end
