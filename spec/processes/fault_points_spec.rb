# frozen_string_literal: true

require "spec_helper"
require "json"
require "open3"
require "tmpdir"

# Processes killed with -9 at every statement of every path on which the application's database and the log change
# together, on each kind of database. What they leave is recovered as any process recovers it, and compared with the log:
# fault_points/scenarios.rb has the paths, facts.rb what must hold. LONG=1: also at random, recovering processes too.
RSpec.describe "kill -9 at every statement", :processes do
  root = File.expand_path("../..", __dir__)
  lanes = Integer(ENV.fetch("LANES", 4))
  library = "workflow/workflow.#{RbConfig::CONFIG["DLEXT"]}"

  # What each path is to pass at least, whatever is found; of the application's database, and of the log.
  insert = "INSERT workflow_receipts"
  told = "COMMIT, DELETE workflow_receipts"
  begun = "BEGIN, RUN_INSERT, APPEND, READY_PUT"
  paid = "#{begun}, READY_CLAIM, RUN_UPDATE_STATUS, READY_DELETE, WAIT_PUT, TIMER_PUT"
  taken = "BEGIN, WAIT_CLAIM, WAIT_GET, APPEND, RUN_UPDATE_STATUS, WAIT_DELETE, TIMER_DELETE, READY_PUT"
  worked = "READY_CLAIMABLE, READY_CLAIM, APPEND, READY_DELETE"
  required = {
    "Klass.start" => [ "BEGIN, INSERT orders, #{insert}, UPDATE orders, #{told}", paid ],
    "Klass.start in a transaction" => [ "BEGIN, INSERT notes, INSERT orders, #{insert}, UPDATE orders, #{told}", paid ],
    "start of a record in a transaction" => [ "BEGIN, INSERT notes, #{insert}, UPDATE orders, #{told}", paid ],
    "start(key:)" => [ "BEGIN, INSERT orders, #{insert}, UPDATE orders, #{told}", "#{paid}, KEY_INSERT" ],
    "start(key:) that was taken in a transaction" => [ "BEGIN, INSERT notes, SAVEPOINT, #{insert}, ROLLBACK TO, COMMIT", "" ],
    "later(:method) in a transaction" => [ "BEGIN, INSERT notes, #{insert}, #{told}", begun ],
    "cancel in a transaction" => [ "BEGIN, INSERT notes, #{insert}, #{told}", "BEGIN, APPEND, RUN_UPDATE_OPEN, WAIT_DELETE, TIMER_DELETE" ],
    "destroy of a record" => [ "BEGIN, INSERT notes, DELETE orders, #{insert}, #{told}", "BEGIN, APPEND, RUN_UPDATE_OPEN, WAIT_DELETE, TIMER_DELETE" ],
    "submit on a record" => [ "BEGIN, #{insert}, UPDATE orders, #{told}", taken ],
    "submit in a transaction" => [ "BEGIN, INSERT notes, SAVEPOINT, #{insert}, UPDATE orders, RELEASE, #{told}", taken ],
    "submit that is rejected" => [ "BEGIN, #{insert}, UPDATE orders, ROLLBACK", "BEGIN, WAIT_CLAIM, APPEND, RUN_UPDATE, WAIT_RELEASE" ],
    "start and submit in a transaction that is rolled back" => [ "BEGIN, INSERT orders, #{insert}, UPDATE orders, ROLLBACK", "BEGIN, WAIT_CLAIM" ],
    "start in savepoints, one of which is rolled back" => [ "BEGIN, SAVEPOINT, INSERT orders, #{insert}, ROLLBACK TO, RELEASE, #{told}", paid ],
    "transaction: true by a caller" => [ "BEGIN, #{insert}, UPDATE orders, COMMIT", paid ],
    "transaction: true by a worker" => [ "BEGIN, #{insert}, UPDATE orders, COMMIT", "#{worked}, RUN_UPDATE_OPEN" ],
    "transaction: true once more, after a round that failed" => [ "BEGIN, #{insert}, UPDATE orders, COMMIT", "#{worked}, RUN_UPDATE_STATUS, READY_PUT, WAIT_PUT" ],
    "an input that came early" => [ "BEGIN, #{insert}, UPDATE orders, COMMIT", "#{worked}, RUN_UPDATE, RUN_UPDATE_OPEN, READY_PUT" ],
    "recovery of a start" => [ "DELETE workflow_receipts", begun ],
    "recovery of a cancel" => [ "DELETE workflow_receipts", "BEGIN, APPEND, RUN_UPDATE_OPEN, WAIT_DELETE, TIMER_DELETE" ],
    "recovery of a destroy" => [ "DELETE workflow_receipts", "BEGIN, APPEND, RUN_UPDATE_OPEN, WAIT_DELETE, TIMER_DELETE" ],
    "recovery of a submit that is accepted" => [ "BEGIN, #{insert}, ROLLBACK", "BEGIN, WAIT_GET, APPEND, RUN_UPDATE_STATUS, WAIT_DELETE, RUN_DOUBT" ],
    "recovery of a submit that is not accepted" => [ "BEGIN, #{insert}, COMMIT", "BEGIN, WAIT_GET, WAIT_RELEASE, RUN_DOUBT" ],
    "submit where another's is in doubt" => [ "BEGIN, #{insert}, UPDATE orders, #{told}", "#{taken}, WAIT_RELEASE, RUN_DOUBT" ]
  }

  # What was said of one path on one kind of database.
  class Passages
    attr_reader :passed, :kills

    def initialize = (@passed, @kills = {}, [])
    def add(line) = line["passed"] ? @passed = line["passed"] : @kills << line
    def hit = kills.select { |kill| kill["hits"]&.first }.map { |kill| kill["points"].first }
    def missed = passed.flat_map { |name, count| (1..count).map { |time| "#{name}##{time}" } } - hit - chance

    # Of the moment is how often the committer wakes up, and whether a step takes long enough to be told of, which by itself
    # updates a run's row alone. That any other statement is passed at all is not.
    TOLD_OF = "log before RUN_UPDATE#1"

    # Not passed once more, by chance.
    def chance
      kills.reject { |kill| kill["hits"]&.first || kill["seen"] }.map { |kill| kill["points"].first }.reject { |point| point.end_with?("#1") && point != TOLD_OF }
    end

    def problems = kills.reject { |kill| kill["problems"].empty? }

    # @return [Array<String>] "application after: BEGIN, COMMIT 2x"
    def names
      counts = hit.map { |point| point[/[^#]+/] }.tally.sort
      counts.group_by { |name, _| name[/\w+ \w+/] }.map do |moment, all|
        "#{moment}: #{all.map { |name, count| "#{name.delete_prefix("#{moment} ")}#{" #{count}x" if count > 1}" }.join(", ")}"
      end
    end

    def lacking(application, log)
      changed = application.split(", ").flat_map { |statement| [ "application before #{statement}", "application after #{statement}" ] }
      written = log.split(", ").map { |statement| "log before #{statement}" }
      written.push("log before COMMIT", "log after COMMIT", "log before answer") if written.any?
      (changed + written).reject { |name| hit.include?("#{name}#1") }
    end
  end

  def run!(*command, **options)
    output, status = Open3.capture2e(*command, **options)
    raise "#{command.join(" ")}:\n#{output}" unless status.success?
    output
  end

  # @return [Hash{String=>Hash{String=>Passages}}] by path and kind
  define_method(:campaign) do |**setting|
    databases = ApplicationDatabase.kinds.to_h { |kind| [ kind, Array.new(lanes) { ApplicationDatabase::KINDS.fetch(kind).new } ] }
    said = Hash.new { |paths, path| paths[path] = Hash.new { |kinds, kind| kinds[kind] = Passages.new } }
    Dir.mktmpdir("workflow-points", (Postgres::MEMORY if File.writable?(Postgres::MEMORY))) do |directory|
      setting = { directory: directory, databases: databases.transform_values { |all| all.map(&:configuration) }, **setting }
      boot = [ RbConfig.ruby, "-I", "#{root}/tmp/faults/lib", "-I", "#{root}/lib", "#{__dir__}/fault_points/boot.rb", JSON.generate(setting) ]
      IO.popen({ "TMPDIR" => directory }, boot) { |io| io.each_line { |line| JSON.parse(line).then { |one| said[one["scenario"]][one["kind"]].add(one) } } }
      raise "the campaign ended with #{$?}" unless $?.success?
    end
    said
  ensure
    databases&.each_value { |all| all.each(&:drop) }
  end

  def problems_of(said) = said.each_value.flat_map { |kinds| kinds.each_value.flat_map(&:problems) }

  def expect_none(problems) = expect(problems.map { |one| one.map { |word, value| "#{word}: #{[ *value ].join("\n    ")}" }.join("\n  ") }).to eq []

  before(:context) { run!("bundle", "exec", "rake", "compile:faults", chdir: root) }

  it "is possible in the specs' core only: the one that is released has nothing of it" do
    released, faulty = "#{root}/lib/#{library}", "#{root}/tmp/faults/lib/#{library}"

    expect(run!("nm", "-a", faulty)).to match(/ wf_fault_point$/)
    expect(run!("nm", "-a", released)).to match(/ wf_committer_post$/)
    expect(run!("nm", "-a", released)).not_to match(/fault_point/i)
    expect(File.binread(faulty)).to include("WORKFLOW_FAULT_POINT")
    expect(File.binread(released)).not_to match(/fault_point|log before/i)
  end

  it "loses nothing and doubles nothing, wherever it hits" do
    began = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    said = campaign
    said.each do |path, kinds|
      puts "    #{path}: #{kinds.map { |kind, passages| "#{passages.hit.size} points on #{kind}#{", #{passages.chance.size} others by chance" if passages.chance.any?}" }.join(", ")}",
        kinds.each_value.flat_map(&:names).uniq.sort.map { |line| "      #{line}" }
    end
    hits = said.each_value.sum { |kinds| kinds.each_value.sum { |passages| passages.hit.size } }
    puts format("    %d kills in %.0f s", hits, Process.clock_gettime(Process::CLOCK_MONOTONIC) - began)

    expect_none(problems_of(said))
    expect(said.transform_values { |kinds| kinds.transform_values(&:missed).reject { |_, points| points.empty? } }.reject { |_, kinds| kinds.empty? }).to eq({})
    expect(said.keys).to match_array(required.keys)
    lacking = required.flat_map { |path, names| ApplicationDatabase.kinds.flat_map { |kind| said[path][kind.to_s].lacking(*names).map { |name| [ path, kind, name ] } } }
    expect(lacking).to eq []
  end

  it "loses nothing and doubles nothing at random, be it that those who recover are killed too", if: ENV["LONG"] == "1" do
    seed, kills = RSpec.configuration.seed, Integer(ENV.fetch("KILLS", 2000))
    said = campaign(kills: kills, seed: seed)
    hits = said.each_value.flat_map { |kinds| kinds.each_value.flat_map { |passages| passages.kills.flat_map { |kill| kill["hits"] } } }
    puts "    seed #{seed}: #{hits.count(true)} killed, #{hits.count(false)} ended before"

    expect_none(problems_of(said))
    expect(hits.count(true)).to be >= kills
  end
end
