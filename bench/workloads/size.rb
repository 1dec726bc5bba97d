# frozen_string_literal: true

require "io/wait"
require "json"
require "rbconfig"
require "tmpdir"
require_relative "../harness/usage"
require_relative "workload"

module Bench
  # (k) The same work with much in the log, or many runs that wait: how long a worker process takes from its start until its log is open and
  # until its first step begins, what it holds then, what a start takes from one thread, and how fast a full queue is drained.
  #
  # Beside each of them an empty log is measured in the same measurement, before or after: what the machine does otherwise changes over the
  # time that rounds take.
  #
  # --size k=N is the number of events of the fullest log; others have a tenth of it, in events or in runs that wait.
  class Size < Workload
    METRICS = {
      "rate" => [ "drained by 1 process of #{THREADS} threads, per second", true ], "start" => [ "a start from 1 thread, p50, ms", false ],
      "opened" => [ "process start until the log is open, ms", false ], "first" => [ "process start until the first step begins, ms", false ],
      "pss" => [ "PSS of that process, MiB", false ]
    }.freeze
    # Nothing of these is better: the nearer to 1, the less does size cost.
    AGAINST = {
      "rate against" => [ "drained, for one of an empty log", nil ], "start against" => [ "a start's p50, for one of an empty log", nil ]
    }.freeze
    COUNTED = "in it"
    EVENTS, QUICK_EVENTS = 10_000_000, 5000
    # By log, what is in it, and its part of the size.
    LOGS = { "empty" => [ :done, 0 ], "tenth" => [ :done, 0.1 ], "full" => [ :done, 1 ], "waiting" => [ :waiting, 0.1 ] }.freeze
    TITLES = { "empty" => "an empty log", "tenth" => "a tenth of the events", "full" => "all events", "waiting" => "runs that wait" }.freeze
    BOOT_S = 120

    def self.title(setting) = "(k) with #{TITLES.fetch(setting["log"])}"
    def self.settings(quick:) = LOGS.keys.map { |log| { "log" => log, "starts" => quick ? 50 : 2000, "drained" => quick ? 200 : 50_000 } }
    def self.count(setting, quick:, **) = sized(setting, quick ? QUICK_EVENTS : EVENTS)
    def self.sized(setting, size) = (size * LOGS.fetch(setting["log"]).last).round
    def self.metrics(setting) = setting["log"] == "empty" ? METRICS : METRICS.merge(AGAINST)
    # @return [Hash{String => Float}] the metrics of AGAINST
    def self.against(this, empty) = %w[rate start].to_h { |metric| [ "#{metric} against", this.fetch(metric) / empty.fetch(metric).to_f ] }
    # Ten million events take a while to write.
    def self.patience = 3600

    def measure
      return with_log(0) if @count.zero?
      told = [ 0, @count ].shuffle.to_h { |count| [ count, apart { with_log(count) } ] }
      this, empty = told.values_at(@count, 0)
      this.merge("metrics" => this["metrics"].merge(self.class.against(this["metrics"], empty["metrics"])), "faults" => this["faults"] + empty["faults"])
    end

    private
      # In a process and with a store of its own.
      def apart
        reader, writer = IO.pipe
        Dir.mktmpdir("log", @contender.dir) do |dir|
          pid = fork { tell(writer, dir) { yield } }
          writer.close
          told = reader.read
          Process.wait2(pid).last.success? or raise "one of two logs could not be measured"
          JSON.parse(told)
        end
      end

      def tell(writer, dir)
        @contender.settle(dir, records: false)
        writer.write(JSON.generate(yield))
        writer.close
        exit!(0)
      rescue StandardError => error
        warn error.full_message(highlight: false)
        exit!(1)
      end

      def with_log(count)
        @contender.fill(LOGS.fetch(@setting["log"]).first, count)
        with_crew(processes: 1, threads: THREADS) do |crew|
          booted = boot
          started = 1..@setting["starts"]
          times = started.map { |number| Clock.seconds { @contender.start_one(:noop, number) } * 1000 }
          drained = (started.end + 1)..(started.end + @setting["drained"])
          rate = (started.size + drained.size) / drain_after(crew) { @contender.enqueue(:noop, drained.to_a) }
          told({ "rate" => rate, "start" => Figures.percentile(times, 0.5), **booted }, Faults.between(1..drained.end, crew.dismiss.first))
        end
      end

      def drain_after(crew)
        yield
        from = Clock.now
        crew.work
        crew.wait_until_drained - from
      end

      # One job waits for the process that is started, and nobody else has the log open.
      def boot
        @contender.start_one(:watch, 0)
        @contender.disconnect
        from = Clock.now
        IO.popen([ RbConfig.ruby, *@contender.boot_command ], "r+") do |process|
          process.wait_readable(BOOT_S) or raise "the process did not begin to work within #{BOOT_S} s"
          moments = JSON.parse(process.gets || raise("the process did not begin to work"))
          { "opened" => (moments["opened"] - from) * 1000, "first" => (moments["first"] - from) * 1000, "pss" => Usage.pss(process.pid) }
        end
      end
  end
end
