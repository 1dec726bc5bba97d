# frozen_string_literal: true

require_relative "lane"

# Which process is killed where: all points of all scenarios once, or as many random ones as are asked for, on each kind of
# database; several at a time. Says what came of it, a line of JSON each.
class Campaign
  # A recovering process is killed too, and the next …
  AGAIN = 0.4

  # @param databases [Hash{String=>Array<Hash>}] by kind: one for each lane
  # @param kills [Integer, nil] random ones; nil: all points once
  Opened = Struct.new(:kind, :process)

  def initialize(directory:, databases:, kills: nil, seed: 0)
    @directory, @kills, @random = directory, kills, Random.new(seed)
    @shares = databases.size
    @lanes = databases.flat_map { |kind, all| all.map.with_index { |database, index| open_lane(kind, database, index) } }
    @lock = Mutex.new
  end

  def run
    @passed = Hash.new { |hash, kind| hash[kind] = {} }
    each_kind { |kind| Scenario.all.each_index.map { |number| [ "discover", number ] }.then { |jobs| distribute(kind, jobs) { |job, answer| found(kind, job, answer) } } }
    plans = @passed.to_h { |kind, _| [ kind, @kills ? chosen(kind, @kills / @shares) : all(kind) ] }
    each_kind { |kind| distribute(kind, plans.fetch(kind)) { |job, answer| say(kind, job, points: job.drop(2), **answer) } }
  ensure
    @lanes.each { |lane| lane.process.close }
  end

  private
    def open_lane(kind, database, index)
      shared = File.join(@directory, kind).tap { |path| FileUtils.mkdir_p(path) }
      Opened.new(kind, Asked.new { Lane.new(database, shared, index) })
    end

    def each_kind(&block) = @lanes.map(&:kind).uniq.map { |kind| Thread.new { block.call(kind) } }.each(&:value)

    def distribute(kind, jobs)
      queue = jobs.dup
      threads = @lanes.select { |lane| lane.kind == kind }.map do |lane|
        Thread.new { while (job = @lock.synchronize { queue.shift }) do yield job, lane.process.ask(*job).transform_keys(&:to_sym) end }
      end
      threads.each(&:value)
    end

    def found(kind, job, answer)
      @lock.synchronize { @passed[kind][job[1]] = answer[:passed] || {} }
      say(kind, job, **answer)
    end

    def say(kind, job, **facts)
      line = JSON.generate({ kind: kind, scenario: Scenario.all[job[1]].name, **facts })
      @lock.synchronize { puts line }
    end

    # Ordered, so that a seed chooses the same.
    def points(kind, number) = @passed[kind][number].sort.flat_map { |name, count| (1..count).map { |time| "#{name}##{time}" } }

    def all(kind) = Scenario.all.each_index.flat_map { |number| points(kind, number).map { |point| [ "kill", number, point ] } }

    def chosen(kind, kills)
      any = Scenario.all.each_index.flat_map { |number| points(kind, number) }.uniq
      jobs = []
      while kills.positive?
        number = @random.rand(Scenario.all.size)
        job = [ "kill", number, points(kind, number).sample(random: @random) ]
        job << any.sample(random: @random) while @random.rand < AGAIN
        kills -= job.size - 2
        jobs << job
      end
      jobs
    end
end
