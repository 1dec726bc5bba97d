# frozen_string_literal: true

require_relative "lane"

# Which process is killed where: all points of all scenarios once, or as many random ones as are asked for, on each kind of
# database; several at a time. Says what came of it, a line of JSON each.
class Campaign
  # How often a recovering process is killed too, and the next … And where most of them come to.
  AGAIN = 0.4
  RECOVERY = /\Arecovery|by a worker/

  # @param databases [Hash{String=>Array<Hash>}] by kind: one for each lane
  # @param kills [Integer, nil] random ones; nil: all points once
  Opened = Struct.new(:kind, :process)

  def initialize(directory:, databases:, kills: nil, seed: 0)
    @directory, @kills, @seed = directory, kills, seed
    @shares = databases.size
    @lanes = databases.flat_map { |kind, all| all.map.with_index { |database, index| open_lane(kind, database, index) } }
    @lock = Mutex.new
  end

  def run
    @passed = Hash.new { |hash, kind| hash[kind] = {} }
    each_kind { |kind| Scenario.all.each_index.map { |number| [ "discover", number ] }.then { |jobs| distribute(kind, jobs) { |job, answer| found(kind, job, answer) } } }
    each_kind { |kind| @kills ? kill_some(kind, @kills / @shares) : kill_at(kind, all(kind)) }
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

    # @return [Integer] how many were killed
    def kill_at(kind, jobs)
      killed = 0
      distribute(kind, jobs) do |job, answer|
        @lock.synchronize { killed += answer.fetch(:hits, []).count(true) }
        say(kind, job, points: job.drop(2), **answer)
      end
      killed
    end

    # Who recovers does not come to every point.
    def kill_some(kind, kills)
      random = Random.new(@seed + kind.sum)
      while kills.positive? do kills -= kill_at(kind, chosen(kind, kills, random)) end
    end

    def chosen(kind, kills, random)
      recovery = Scenario.all.each_index.select { |number| Scenario.all[number].name.match?(RECOVERY) }.flat_map { |number| points(kind, number) }
      Array.new((kills * (1 - AGAIN)).ceil) do
        number = random.rand(Scenario.all.size)
        job = [ "kill", number, points(kind, number).sample(random: random) ]
        job << recovery.sample(random: random) while random.rand < AGAIN
        job
      end
    end
end
