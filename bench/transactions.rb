# frozen_string_literal: true

# What it costs that record and run are one, and that a step's changes are made once: with the table workflow_receipts and
# without, beside Solid Queue's perform_later in a transaction of the same database. Run it with
#
#   BUNDLE_GEMFILE=bench/Gemfile bundle install
#   BUNDLE_GEMFILE=bench/Gemfile bundle exec ruby bench/transactions.rb [--rounds 9] [--count 100] [--dir tmp] [--postgresql URL]
#
# URL is an empty database of a PostgreSQL server. Each database is measured in a process of its own, one thread, all
# ways in turn in each round, in another order each time. Figures are medians over the rounds, with the least and the most.
require "etc"
require "erb"
require "fileutils"
require "optparse"
require "rbconfig"
require "tmpdir"

class TransactionsBench
  TEMPLATE = File.expand_path("../lib/generators/workflow/install/templates/create_workflow_receipts.rb.erb", __dir__)

  def initialize(arguments)
    @rounds, @count, @dir, @urls = 9, 100, "tmp", []
    OptionParser.new do |options|
      options.on("--rounds N", Integer) { |n| @rounds = n }
      options.on("--count N", Integer, "of each in a round") { |n| @count = n }
      options.on("--dir DIR", "where the log and SQLite's file lie") { |dir| @dir = dir }
      options.on("--postgresql URL") { |url| @urls << url }
    end.parse!(arguments)
    FileUtils.mkdir_p(@dir)
  end

  def run
    print_machine
    measure { |dir| "sqlite3:#{dir}/application.sqlite3?timeout=5000" }
    @urls.each { |url| measure { url } }
  end

  private
    def measure
      Dir.mktmpdir("workflow-bench", File.expand_path(@dir)) do |dir|
        pid = fork do
          ENV["DATABASE_URL"], ENV["RAILS_ENV"] = yield(dir), "production"
          boot(dir)
          print_database
          report(Array.new(@rounds + 1) { round }.drop(1)) # the first one warms up
          $stdout.flush
          exit!(0)
        end
        Process.wait(pid)
        abort "failed" unless $?.success?
      end
    end

    def print_machine
      cpu = File.read("/proc/cpuinfo")[/model name\s*: (.*)/, 1] if File.exist?("/proc/cpuinfo")
      puts "#{Time.now.utc.strftime("%Y-%m-%d")}  #{Etc.nprocessors} x #{cpu || RbConfig::CONFIG["host_cpu"]}, #{Etc.uname[:sysname]} #{Etc.uname[:release]}, " \
        "load average #{File.read("/proc/loadavg").split.first(3).join(" ") if File.exist?("/proc/loadavg")}"
      puts "#{@rounds} rounds of #{@count} each, one thread; one 4 KiB append + fdatasync: #{(sync_seconds * 1e6).round} us (median of 200)"
    end

    def sync_seconds
      path = File.join(@dir, "workflow-bench-sync")
      File.open(path, "w") do |file|
        Array.new(200) { seconds { file.syswrite("x" * 4096) && file.fdatasync } }.sort[100]
      end
    ensure
      FileUtils.rm_f(path)
    end

    # A Rails application with Solid Queue in the same database, and the log beside it.
    def boot(dir)
      require "rails"
      require "active_record/railtie"
      require "active_job/railtie"
      require "solid_queue"
      require "workflow"
      application = TransactionsBench.const_set(:Application, Class.new(Rails::Application))
      application.configure do
        config.root = dir
        config.load_defaults 7.2
        config.eager_load = true
        config.logger = Logger.new(nil)
        config.secret_key_base = "x" * 64
      end
      application.initialize!
      Workflow.configure { |config| config.store = "sqlite:#{dir}/log.sqlite3" }
      ActiveJob::Base.queue_adapter = :solid_queue
      ActiveRecord::Migration.verbose = false
      load File.join(Gem.loaded_specs["solid_queue"].full_gem_path, "lib/generators/solid_queue/install/templates/db/queue_schema.rb")
      ActiveRecord::Schema.define { create_table(:orders) { |t| t.string :name; t.integer :paid, default: 0 } }
      Object.class_eval(ERB.new(File.read(TEMPLATE)).result)
      CreateWorkflowReceipts.migrate(:up)
      models
    end

    def models
      Object.class_eval(<<~RUBY, __FILE__, __LINE__ + 1)
        class Order < ActiveRecord::Base
          include Workflow
          workflow(:plain) { later :pay }
          workflow(:receipted) { later :pay_once, transaction: true }
          def pay = update!(paid: paid + 1)
          def pay_once = pay
          def self.launch(name) = new(name: "x").start(name)
        end

        class PayJob < ActiveJob::Base
          self.enqueue_after_transaction_commit = :never # part of the transaction, which is what is compared
          def perform(order) = nil
        end
      RUBY
    end

    def print_database
      connection = ActiveRecord::Base.connection
      sync = connection.adapter_name == "SQLite" ? "synchronous=#{%w[OFF NORMAL FULL][connection.select_value("PRAGMA synchronous")]}, as Rails has it" :
        %w[fsync synchronous_commit].map { |name| "#{name}=#{connection.select_value("SHOW #{name}")}" }.join(", ")
      puts "\n#{connection.adapter_name} #{connection.database_version}, #{sync}; the log: SQLite, synchronous=FULL"
      puts "ruby #{RUBY_VERSION}, rails #{Rails.version}, workflow #{Workflow::VERSION}, solid_queue #{SolidQueue::VERSION}\n\n"
    end

    WAYS = {
      "record alone" => :record, "record + perform_later, one transaction" => :solid_queue,
      "start without the table (two commits)" => :start_without, "start with the table" => :start_with,
      "start in a transaction of the caller" => :start_within,
      "step, without the table" => :step_without, "step, with the table" => :step_with, "step with transaction: true" => :step_receipted
    }.freeze

    # @return [Hash] milliseconds each
    def round = WAYS.to_a.shuffle.to_h { |what, way| [ what, send(way) * 1000 / @count ] }

    def each_of = seconds { @count.times { yield } }.tap { settle }

    def record = each_of { Order.create!(name: "x") }
    def solid_queue = each_of { Order.transaction { PayJob.perform_later(Order.create!(name: "x")) } }
    def start_with = each_of { Order.launch(:plain) }
    def start_without = untabled { each_of { Order.launch(:plain) } }
    def start_within = each_of { Order.transaction { Order.launch(:plain) } }
    def step_with = drained(:plain)
    def step_without = untabled { drained(:plain) }
    def step_receipted = drained(:receipted)

    # What was started is over before anything else is measured.
    def settle = Order.workflows.running.each(&:cancel)

    def drained(name)
      Array.new(@count) { Order.launch(name) }
      worker = Workflow::Worker.new(threads: 1)
      took = seconds do
        worker.start
        position = Workflow.engine.last_position
        position = Workflow.engine.last_position while Workflow.engine.wait_log(position, 1000) && Order.workflows.running.any?
      end
      worker.stop
      took
    end

    def untabled
      renamed(:workflow_receipts, :receipts_away) { yield }
    end

    def renamed(from, to)
      ActiveRecord::Base.connection.rename_table(from, to)
      Workflow::Receipts.forget
      yield
    ensure
      ActiveRecord::Base.connection.rename_table(to, from)
      Workflow::Receipts.forget
    end

    def seconds
      from = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      yield
      Process.clock_gettime(Process::CLOCK_MONOTONIC) - from
    end

    def report(rounds)
      puts format("%-42s %8s %17s   %s", "", "ms each", "least and most", "x a record alone, median of the rounds")
      WAYS.each_key do |what|
        times = rounds.map { |round| round[what] }.sort
        ratios = rounds.map { |round| round[what] / round["record alone"] }.sort
        puts format("%-42s %8.2f %8.2f %8.2f   %.2f", what, median(times), times.first, times.last, median(ratios))
      end
      puts
      compare(rounds, "start with the table", "start without the table (two commits)")
      compare(rounds, "start with the table", "record + perform_later, one transaction")
      compare(rounds, "step with transaction: true", "step, with the table")
    end

    def compare(rounds, what, other)
      ratios = rounds.map { |round| round[what] / round[other] }.sort
      puts format("%s : %s = %.2f (%.2f to %.2f)", what, other, median(ratios), ratios.first, ratios.last)
    end

    def median(sorted) = sorted[sorted.size / 2]
end

TransactionsBench.new(ARGV).run
