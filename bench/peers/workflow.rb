# frozen_string_literal: true

require "erb"
require "rbconfig"
require_relative "../harness/full_log"
require_relative "../harness/traced"
require_relative "contender"

module Bench
  # Ours: a log in SQLite, synced before a start returns.
  class Ours < Contender
    RECEIPTS = File.expand_path("../../lib/generators/workflow/install/templates/create_workflow_receipts.rb.erb", __dir__)

    def self.lacks = "the log is on one machine; a step may start more than once, as a job of all others may that is tried again"
    def self.configured = "Workflow::Worker of 5 threads in each forked process, nothing changed; " \
      "the application's records in PostgreSQL, with the table workflow_receipts"
    def self.fast? = true
    def self.synced? = true
    def self.cannot = {}
    def self.remarks = { "d" => "not joined: `each:` is not built yet, so these are as many runs of one step" }
    def self.most_threads = 512

    def load
      require "workflow"
      require_relative "workflow_jobs"
      require_relative "resident_workflow"
    end

    def versions
      Workflow::Store.load_core
      [ "workflow #{Workflow::VERSION}", "sqlite3 #{SQLite3::VERSION} (#{sqlite_from}) with SQLite #{SQLite3::SQLITE_LOADED_VERSION}" ]
    end

    def load_records
      require_relative "../harness/application"
      require_relative "workflow_records"
    end

    def connect
      Workflow.configure { |config| config.store = store }
      Application.connect(@settings.fetch("database")) if @records
    end

    def prepare
      connect
      Workflow.engine
      Application.prepare { create_receipts } if @records
    end

    def enqueue(kind, numbers) = from_callers(numbers) { |number| start_one(kind, number) }

    def start_one(kind, number)
      case kind
      when :noop then Noop.new(number).later(:call)
      when :record then OurItem.find(number + 1).later(:visit)
      when :stage then Stages.new(number).start
      when :sleep then Sleeper.new(number).later(:call)
      when :watch then Watch.new(number).later(:call)
      when :resident then WorkflowResident.new(number).later(:call)
      end
    end

    def fan_out(numbers) = enqueue(:noop, numbers)

    def start_now(first, steps) = (steps == 1 ? OneNow : ManyNow).new(first).start
    def call_bare(first) = ManyNow.new(first).then { |object| ManyNow::METHODS.each { |name| object.public_send(name) } }

    def sign_up(number) = OurSignup.start(number: number)

    def activate(number)
      submission = OurSignup.find_by!(number: number).submit(:activate, code: SignupSteps::CODE)
      submission.accepted? or raise "signup #{number} was not activated: #{submission.errors.to_a}"
    end

    def drained? = classes.all? { |klass| klass.workflows.running.first(1).empty? }

    def work(threads) = @worker = Workflow::Worker.new(threads: threads).start
    def quit = @worker.stop

    def resident_command(threads)
      [ RbConfig.ruby, File.expand_path("../../bin/workflow", __dir__), "work", "-r", File.expand_path("resident_workflow.rb", __dir__),
        "--threads", threads.to_s, "--store", store ]
    end

    # Whoever asks the log takes SQLite's lock to read it.
    def queries_of(pid, &block) = Traced.reads([ pid ], &block)

    def fill(kind, count)
      runs = kind == :done ? (count / FullLog::EVENTS.to_f).ceil : count
      FullLog.new(@settings.fetch("dir"), kind, runs).copy_to(log) if runs.positive?
    end

    def boot_command = [ File.expand_path("../harness/boot.rb", __dir__), store ]

    def live_environment = { "BENCH_CABLE" => "workflow" }

    def disconnect = Workflow.runtime.stop

    def sync_mode = "SQLite, synchronous=FULL"

    private
      # The gem that comes compiled has an SQLite of its own.
      def sqlite_from = Gem.loaded_specs["sqlite3"].platform == "ruby" ? "compiled here" : "as it comes compiled"

      def classes = @records ? [ OurItem, OurSignup ] : [ Noop, Stages, Sleeper, Watch, WorkflowResident ]
      def log = "#{@dir}/log.sqlite3"
      def store = "sqlite:#{log}"

      def create_receipts
        Object.class_eval(ERB.new(File.read(RECEIPTS)).result)
        CreateWorkflowReceipts.migrate(:up)
      end
  end
end
