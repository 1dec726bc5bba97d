# frozen_string_literal: true

require "erb"
require_relative "contender"

module Bench
  # Ours: a log in SQLite, synced before a start returns.
  class Ours < Contender
    RECEIPTS = File.expand_path("../../lib/generators/workflow/install/templates/create_workflow_receipts.rb.erb", __dir__)
    CALLERS = 8

    def self.lacks = "the log is on one machine; a step may start more than once, as a job of all others may that is tried again"
    def self.configured = "Workflow::Worker of 5 threads in each forked process, nothing changed; the application's records in PostgreSQL, with the table workflow_receipts"
    def self.fast? = true
    def self.most_threads = 512

    def load
      require "workflow"
      require_relative "workflow_jobs"
    end

    def versions
      Workflow::Store.load_core
      [ "workflow #{Workflow::VERSION}", "sqlite3 #{SQLite3::VERSION} with SQLite #{SQLite3::SQLITE_LOADED_VERSION}" ]
    end

    def load_records
      require_relative "../harness/application"
      require_relative "workflow_records"
    end

    def connect
      Workflow.configure { |config| config.store = "sqlite:#{@dir}/log.sqlite3" }
      Application.connect(@settings.fetch("database")) if @records
    end

    def prepare
      connect
      Workflow.engine
      Application.prepare { create_receipts } if @records
    end

    def enqueue(kind, numbers)
      threads = numbers.each_slice((numbers.size / CALLERS.to_f).ceil).map { |some| Thread.new { some.each { |number| start_one(kind, number) } } }
      threads.each(&:join)
    end

    def start_one(kind, number)
      case kind
      when :noop then Noop.new(number).later(:call)
      when :record then OurItem.find(number + 1).later(:visit)
      when :stage then Stages.new(number).start
      when :sleep then Sleeper.new(number).later(:call)
      when :watch then Watch.new(number).later(:call)
      end
    end

    def sign_up(number) = OurSignup.start(number: number)

    def activate(number)
      submission = OurSignup.find_by!(number: number).submit(:activate, code: SignupSteps::CODE)
      submission.accepted? or raise "signup #{number} was not activated: #{submission.errors.to_a}"
    end

    def drained? = classes.all? { |klass| klass.workflows.running.first(1).empty? }

    def work(threads) = @worker = Workflow::Worker.new(threads: threads).start
    def quit = @worker.stop

    def sync_mode = "SQLite, synchronous=FULL"

    private
      def classes = @records ? [ OurItem, OurSignup ] : [ Noop, Stages, Sleeper, Watch ]

      def create_receipts
        Object.class_eval(ERB.new(File.read(RECEIPTS)).result)
        CreateWorkflowReceipts.migrate(:up)
      end
  end
end
