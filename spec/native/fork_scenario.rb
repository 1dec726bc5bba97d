# frozen_string_literal: true

# A process that forks under load, and looks afterwards whether anything was lost: fork_spec.rb runs it, once with the
# core as it is and once with a core that forks without closing its gate first. Prints one JSON object.
#
#   ruby -I lib fork_scenario.rb DIRECTORY FORKS FORK_HELPER
require "fiddle"
require "json"
require "workflow"

Workflow::Store.load_core

class ForkScenario
  STYLES = %i[fork popen daemon library].freeze
  AT_ONCE = 3 # children
  CHILD_S = Integer(ENV.fetch("CHILD_S", 20))
  STARTERS = 3
  TAKERS = 2

  def initialize(directory, forks, helper)
    @store = File.join(directory, "store.sqlite3")
    @application = File.join(directory, "application.sqlite3")
    @forks = forks
    @library_fork = Fiddle::Function.new(Fiddle.dlopen(helper)["fork_in_library"],
      [ Fiddle::TYPE_VOIDP, Fiddle::TYPE_VOIDP, Fiddle::TYPE_INT, Fiddle::TYPE_INT ], Fiddle::TYPE_INT)
    @api = Workflow::Store.send(:sqlite_api)
    @alarm = Fiddle::Function.new(Fiddle::Handle::DEFAULT["alarm"], [ Fiddle::TYPE_INT ], Fiddle::TYPE_INT)
    @once = define(now: "create")
    @twice = define(now: "create", later: "send")
    @acknowledged = Queue.new # run ids, once for each completion
    @problems = []
    @over = false
  end

  def run
    prepare
    threads = load
    forks
    @over = true
    join(threads) if @problems.empty?
    finish if @problems.empty?
    { forks: @forks, acknowledged: @acknowledged.size, problems: @problems.first(20), seconds: (now - @began).round(1) }
  end

  private
    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

    def open_engine = Workflow::Native::Engine.new(@store, 15_000, "spec")

    def define(**steps)
      described = steps.each_with_index.map { |(kind, name), i| { name: name, kind: kind, deps: i.zero? ? [] : [ i - 1 ] } }
      Workflow::Native::Definition.new("Forked", "workflow", false, described)
    end

    def application
      database = SQLite3::Database.new(@application)
      database.busy_timeout = 10_000
      yield database
    ensure
      database&.close
    end

    def join(threads)
      threads.each { |thread| thread.join(30) or @problems << "the parent hangs: #{thread.backtrace&.first}" }
    end

    def prepare
      @began = now
      application { |db| db.execute("CREATE TABLE children(id INTEGER PRIMARY KEY, run TEXT)") }
      @engine = open_engine
      @engine.work(TAKERS, "worker:#{Process.pid}@spec")
    end

    # ---- The load: the committer is never idle ----

    def load
      Array.new(STARTERS) { looped { |hand| start_one(@engine, hand, @twice) } } + Array.new(TAKERS) { looped { |hand| take_one(hand) } }
    end

    def looped
      Thread.new do
        hand = @engine.hand
        yield hand until @over
      rescue Workflow::Error => error
        @problems << "in the parent: #{error.class}: #{error.message}"
      end
    end

    def start_one(engine, hand, definition)
      _, snapshot, = engine.start(hand, definition, "subject", "Forked/#{rand(1_000_000)}", nil, nil, "spec")
      hand.enter
      hand.complete(definition, nil, true)
      @acknowledged << snapshot[:id]
      snapshot[:id]
    end

    def take_one(hand)
      return unless (work = hand.take(50))
      hand.enter
      hand.complete(@twice, nil, true)
      @acknowledged << work.first
    end

    # ---- Forks ----

    def forks
      waiting = []
      @forks.times do |i|
        waiting << fork_one(STYLES[i % STYLES.size])
        await_child(*waiting.shift) if waiting.size >= AT_ONCE
        break unless @problems.empty?
      end
      waiting.each { |child| await_child(*child) if @problems.empty? }
    end

    def fork_one(style)
      reader, writer = IO.pipe
      @fd = writer.fileno
      pid = send(:"by_#{style}") { reader.close; in_child(writer, style) }
      writer.close
      [ pid, reader, style ]
    end

    def by_fork(&block) = Process.fork(&block)
    alias by_daemon by_fork

    # The pipe that popen makes is left unused.
    def by_popen
      io = IO.popen("-") or return yield
      (@pipes ||= []) << io
      io.pid
    end

    # Ruby does not know of that fork, so its child stays in C: it uses the application's SQLite, speaks, and ends.
    def by_library
      @library_fork.call(@api, @application, @fd, CHILD_S + 10)
    end

    def await_child(pid, reader, style)
      said = read_to_end(reader)
      id, word = said.split
      return @problems << "a child (#{style}) said: #{said.inspect}" unless word == "ended"
      Process.wait(pid)
      @acknowledged << id unless style == :library
    ensure
      reader.close
      @pipes&.reject! { |pipe| pipe.pid == pid && (pipe.close || true) }
    end

    def read_to_end(reader)
      deadline = now + CHILD_S
      said = +""
      loop do
        left = deadline - now
        return "#{said}(hangs)" unless left.positive? && IO.select([ reader ], nil, nil, left)
        said << reader.readpartial(1000)
      end
    rescue EOFError
      said
    end

    # ---- The child ----

    def in_child(writer, style)
      limit_life
      check_inherited(@engine)
      @engine = open_engine
      id = start_one(@engine, @engine.hand, @once)
      become_daemon if style == :daemon
      application { |db| db.execute("INSERT INTO children(run) VALUES(?)", [ id ]) }
      @engine.stop(5_000)
      writer.puts id, "ended"
    rescue Exception => error # a child must end here, whatever happened
      writer.puts "#{error.class}: #{error.message}"
    ensure
      writer.close
      exit!(0)
    end

    # A child that hangs, wherever it does, is ended by the kernel.
    def limit_life
      trap("ALRM", "SYSTEM_DEFAULT")
      @alarm.call(CHILD_S + 10)
    end

    def check_inherited(engine)
      raise "the inherited engine says that it is alive" if engine.alive?
      engine.start(nil, @once, "", "", nil, nil, "")
      raise "the inherited engine starts a run"
    rescue Workflow::StoreError => error
      pids = [ Process.pid, engine_pid(error.message) ]
      raise "the message names no pids: #{error.message}" unless pids.all? { |pid| error.message.match?(/\b#{pid}\b/) }
    end

    def engine_pid(message) = Integer(message[/process (\d+)/, 1])

    def become_daemon
      before = @engine
      Process.daemon(true, true)
      limit_life
      check_inherited(before)
      @engine = open_engine
      other = start_one(@engine, @engine.hand, @once)
      raise "the daemon does not find its run" unless @engine.find(other)[:state] == :done
    end

    # ---- Afterwards ----

    def finish
      drain
      @problems << "the engine did not stop in time" unless @engine.stop(20_000)
      @engine = open_engine
      check_log
      check_rows
      @engine.stop(5_000)
    end

    def drain
      hand = @engine.hand
      deadline = now + 30
      while now < deadline && take_one(hand) || @engine.in_hand.positive?
        return @problems << "the queue does not drain" if now > deadline
      end
    end

    def each_event
      position = 0
      until (events = @engine.log(position, 2_000)).empty?
        events.each { |event| yield event }
        position = events.last.first
      end
    end

    def check_log
      versions = Hash.new { |hash, id| hash[id] = [] }
      completed = Hash.new(0)
      each_event do |_, id, version, kind|
        versions[id] << version
        completed[id] += 1 if kind == :step_completed
      end
      said = Array.new(@acknowledged.size) { @acknowledged.pop.tap { |id| @acknowledged << id } }.tally
      lost = said.reject { |id, times| completed[id] == times }
      @problems << "acknowledged and not in the log as often: #{lost.size}, as #{lost.first(3)}" unless lost.empty?
      broken = versions.reject { |_, list| list == (1..list.size).to_a }
      @problems << "versions with a gap, or twice: #{broken.first(3)}" unless broken.empty?
      @problems << "runs that are not done: #{open_runs}" if open_runs.positive?
    end

    def open_runs = @open_runs ||= @engine.list("Forked/", nil, 1_000).count { |snapshot| snapshot[:state] != :done }

    def check_rows
      application do |db|
        count = db.get_first_value("SELECT count(*) FROM children")
        @problems << "#{count} rows of #{@forks} children" unless count == @forks
      end
      database = SQLite3::Database.new(@store, readonly: true)
      verdict = database.get_first_value("PRAGMA integrity_check")
      @problems << "the store is damaged: #{verdict}" unless verdict == "ok"
    ensure
      database&.close
    end
end

$stdout.sync = true
directory, forks, helper = ARGV
puts JSON.generate(ForkScenario.new(directory, Integer(forks), helper).run)
exit!(0)
