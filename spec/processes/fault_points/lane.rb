# frozen_string_literal: true

require "fileutils"
require_relative "asked"
require_relative "keeper"
require_relative "points"

# A process with an application's database and a log of its own, which forks those that are killed, one after another. It
# holds neither connection nor engine itself.
class Lane
  CHILD_S = 60
  # What is not passed every time is not the path's.
  DISCOVERIES = 2
  # How often a point is tried that was not come to.
  TRIES = 4

  # @param directory [String] what lanes of the same kind share
  def initialize(database, directory, number)
    @templates, @own = directory, File.join(directory, "lane#{number}")
    FileUtils.mkdir_p(@own)
    ActiveRecord::Base.establish_connection(database)
    Application.create if Application.empty?
    Application.learn_schema
    Application.leave
    @keeper = Asked.new { Keeper.new(database, path) }
  end

  def close = @keeper.close

  def answer(word, number, *points)
    word == "discover" ? discover(Scenario.all[number], number) : kill(Scenario.all[number], number, points)
  end

  private
    # @return [Hash{String=>Integer}] how often which point is passed
    def discover(scenario, number)
      prepare(scenario, number)
      passed = Array.new(DISCOVERIES) do
        renew(number)
        inside(nil, &scenario.doing)
        Points.read(trace)
      end
      { passed: passed.reduce { |some, others| some.to_h { |name, count| [ name, [ count, others[name] || 0 ].min ] }.reject { |_, count| count.zero? } } }
    end

    # What there is before the scenario, kept for all that are killed in it.
    def prepare(scenario, number)
      FileUtils.rm_rf([ template(number), log ])
      FileUtils.mkdir_p([ template(number), log ])
      @keeper.ask(:restore, {})
      scenario.stages.each { |stage, killed| inside(killed, &stage) == !killed.nil? or raise "#{scenario.name}: not killed at #{killed}" }
      File.write(File.join(template(number), "rows.json"), JSON.generate(@keeper.ask(:rows)))
      FileUtils.cp_r(log, template(number))
    end

    def renew(number)
      FileUtils.rm_rf([ log, trace ])
      FileUtils.cp_r(File.join(template(number), "log"), @own)
      @keeper.ask(:restore, JSON.parse(File.read(File.join(template(number), "rows.json"))))
    end

    # @param points [Array<String>] of the scenario's process, and of those that recover, one after another
    # @return [Hash] which were hit; whether the first was passed at all, by one that was not killed there; and what is wrong
    #   with what was left
    def kill(scenario, number, points)
      first, *others = points
      seen = false
      hit = (1..TRIES).any? do
        renew(number)
        inside(first, &scenario.doing).tap { seen ||= passed?(first) }
      end
      hits = others.map { |point| inside(point) { Facts.new(path).recover } }
      { hits: [ hit, *hits ], seen: seen, **@keeper.ask(:find, number).transform_keys(&:to_sym) }
    end

    def passed?(point)
      name, times = point.split("#")
      Points.read(trace).fetch(name, 0) >= times.to_i
    end

    # Runs the block in a child.
    # @param point [String, nil] at which it is killed
    # @return [Boolean] whether it was
    def inside(point, &block)
      reader, writer = IO.pipe
      child = fork { work_in_child(point, writer, &block) }
      writer.close
      said = hear(reader, child)
      Process.wait(child)
      return true if point && $?.termsig == Signal.list["KILL"]
      raise "a child ended with #{$?}: #{said}" unless $?.success?
      false
    end

    def hear(reader, child)
      said = +""
      said << reader.read_nonblock(65_536) while reader.wait_readable(CHILD_S) || hang(child)
    rescue EOFError
      reader.close
      said
    end

    def hang(child)
      Process.kill(:ABRT, child)
      raise "a child was not done in #{CHILD_S} s"
    end

    def work_in_child(point, writer)
      GC.disable
      ENV["PGAPPNAME"] = "killed #{Process.pid}" # see Application.quiet?
      Workflow.configure { |config| config.store = "sqlite:#{path}" }
      Points.arm(point, trace)
      yield
      exit!(0)
    rescue Exception => error # nothing of it may run the lane on
      writer.write(error.full_message(highlight: false))
      exit!(1)
    end

    def template(number) = File.join(@templates, number.to_s)
    def log = File.join(@own, "log")
    def path = File.join(log, "log.sqlite3")
    def trace = File.join(@own, "trace")
end
