# frozen_string_literal: true

require "open3"
require_relative "native_helper"

RSpec.describe "A store that cannot be opened" do
  include NativeHelper

  let(:store_error) { Workflow::StoreError }
  let(:unavailable) { Workflow::StoreUnavailable }

  def database(at = path)
    SQLite3::Database.new(at).tap { |db| yield db }.close
  end

  it "because its directory is missing says so" do
    missing = File.join(@dir, "missing", "store.sqlite3")
    expect { open_engine(missing) }.to raise_error(unavailable, /#{Regexp.escape(missing)}.*directory/)
    expect(Dir.empty?(@dir)).to be(true)
  end

  it "because its path is a directory says so" do
    Dir.mkdir(path)
    expect { open_engine }.to raise_error(unavailable, /#{Regexp.escape(path)}.*directory/)
  end

  it "because it is not a database says so, and leaves it alone" do
    text = "not a database, " * 1000
    File.write(path, text)
    expect { open_engine }.to raise_error(Workflow::StoreCorrupt, /#{Regexp.escape(path)}.*not a database.*give the store another path/)
    expect(File.read(path)).to eq(text)
  end

  it "because it is another application's says so, and leaves it alone" do
    database { |db| db.execute("CREATE TABLE users(id)") }
    bytes = File.binread(path)
    expect { open_engine }.to raise_error(store_error, /#{Regexp.escape(path)}.*another application.*file of its own/)
    expect(File.binread(path)).to eq(bytes)
  end

  it "because a newer version wrote it says so", replay: false do
    open_engine.stop(1_000)
    database { |db| db.execute("PRAGMA user_version = 999") }
    expect { open_engine }.to raise_error(Workflow::StoreTooNew, /#{Regexp.escape(path)}.*999.*upgrade the gem/)
  end

  it "because a version wrote it that is too old says so", replay: false do
    open_engine.stop(1_000)
    database { |db| db.execute("PRAGMA user_version = 2") }
    expect { open_engine }.to raise_error(store_error, /#{Regexp.escape(path)}.*version 2, this workflow reads 3 to 4: go on with the older gem/)
  end

  it "because its schema is not there says so" do
    database { |db| db.execute("PRAGMA application_id = #{application_id}") }
    expect { open_engine }.to raise_error(Workflow::StoreCorrupt, /#{Regexp.escape(path)}.*schema is not there: put a backup in its place/)
  end

  def application_id
    other = File.join(@dir, "other.sqlite3")
    open_engine(other).stop(1_000)
    id = nil
    database(other) { |db| id = db.get_first_value("PRAGMA application_id") }
    id
  end

  it "because its file is empty is opened and given the schema" do
    FileUtils.touch(path)
    expect(open_engine.alive?).to be(true)
  end

  # As a user who may use the directory but not the file; the superuser may do anything.
  def refusal_of_nobody(mode, of: path)
    open_engine.stop(1_000)
    FileUtils.chmod(0o777, @dir)
    Dir["#{path}*"].each { |file| File.chmod(0o666, file) }
    File.chmod(mode, of)
    _, reader = fork_child do |writer|
      Process::Sys.setuid(65_534) if Process.uid.zero?
      open_engine
      writer.puts "opened"
    end
    read_line(reader, "the other user")
  end

  it "because the user may not read it says so" do
    expect(refusal_of_nobody(0)).to match(/\AWorkflow::StoreUnavailable: #{Regexp.escape(path)}.*may/)
  end

  it "because the user may not write it says so" do
    expect(refusal_of_nobody(0o444)).to match(/\AWorkflow::StoreUnavailable: #{Regexp.escape(path)}.*may read the file, and not write it: give it to the user of all its processes/)
  end

  it "because the user may not read what processes share beside it says so" do
    shared = "#{path}-shared"
    expect(refusal_of_nobody(0, of: shared)).to match(/\AWorkflow::StoreUnavailable: .*#{Regexp.escape(shared)}.*denied: one user must own all files of the store/)
  end

  it "under a name that is no path says so" do
    [ "", ":memory:", "file:x?mode=memory" ].each do |name|
      expect { open_engine(name) }.to raise_error(store_error, /not the path of a file/)
    end
    expect { open_engine("a\0b") }.to raise_error(ArgumentError)
    expect { open_engine(nil) }.to raise_error(TypeError)
    expect { Workflow::Native::Engine.new(path, 0, "spec") }.to raise_error(ArgumentError, /lease/)
    expect { Workflow::Native::Engine.new(path, "long", "spec") }.to raise_error(TypeError)
    expect { Workflow::Native::Engine.new(path, 1_000, nil) }.to raise_error(TypeError)
  end

  it "has in memory only what is used of the file that processes share" do
    skip "no /proc here" unless File.exist?("/proc/self/smaps")
    engine = open_engine
    engine.work(1, "worker")
    expect(start(engine, define(now: :create)).first).to eq(:started)
    engine.wait_log(engine.last_position, 600) # the dispatcher has looked for others meanwhile, four times a second

    mapping = File.read("/proc/self/smaps")[/#{Regexp.escape(path)}-shared\n(?:.*\n)*?Rss:\s+(\d+) kB/, 1]
    expect(mapping.to_i).to be_between(4, 128)
  end

  context "because what processes share beside it is broken" do
    before { open_engine.stop(1_000) }

    let(:shared) { Dir["#{path}*"].reject { |file| file.match?(/sqlite3(-wal|-shm)?\z/) }.first }

    it "says so when the file is something else" do
      File.write(shared, "something else entirely, " * 100)
      expect { open_engine }.to raise_error(store_error, /#{Regexp.escape(shared)}.*not written by workflow: move it away/)
    end

    it "says so when the file has another format" do
      File.binwrite(shared, [ 999 ].pack("L"), 4)
      expect { open_engine }.to raise_error(Workflow::StoreTooNew, /#{Regexp.escape(shared)}.*999.*upgrade the gem/)
    end

    it "is opened when the file was cut, emptied or deleted" do
      [ -> { File.truncate(shared, 4096) }, -> { File.truncate(shared, 0) }, -> { File.delete(shared) } ].each do |harm|
        file = shared
        harm.call
        engine = open_engine
        expect(start(engine, define(now: :create)).first).to eq(:started)
        expect(engine.stop(1_000)).to be(true)
        expect(File.exist?(file)).to be(true)
      end
    end

    it "says so when the file is a directory" do
      file = shared
      File.delete(file)
      Dir.mkdir(file)
      expect { open_engine }.to raise_error(store_error, /#{Regexp.escape(file)}/)
    end
  end

  it "leaves nothing behind: the next one opens" do
    Dir.mkdir(path)
    20.times { expect { open_engine }.to raise_error(unavailable) }
    Dir.rmdir(path)
    expect(start(open_engine, define(now: :create)).first).to eq(:started)
  end

  it "because nobody told the core where SQLite is says so" do
    script = <<~RUBY
      require "workflow/error"
      require "workflow/workflow"
      [ -> { Workflow::Native.sqlite_api = nil }, -> { Workflow::Native.sqlite_api = 0 }, -> { Workflow::Native.sqlite_api = "here" },
        -> { Workflow::Native::Engine.new(#{path.inspect}, 1_000, "spec") } ].each do |call|
        call.call
      rescue Workflow::StoreError, TypeError => error
        puts error.class
      end
    RUBY
    output, status = Open3.capture2e(*ruby("-e", script))
    expect(status).to be_success, output
    expect(output.lines.map(&:chomp)).to eq(%w[TypeError Workflow::StoreError TypeError Workflow::StoreError])
  end
end

RSpec.describe "An engine" do
  include NativeHelper

  it "shares its file with another engine of the same process" do
    definition = define(now: :create, later: :send)
    engines = [ open_engine, open_engine ]
    engines.each { |engine| engine.work(1, "worker:spec") }
    threads = engines.map do |engine|
      Thread.new do
        hand = engine.hand
        Array.new(50) do
          id = start(engine, definition, hand: hand, key: "Spec/#{engine.object_id}/#{rand}")[1][:id]
          hand.enter
          hand.complete(definition, nil, true)
          id
        end
      end
    end
    runs = threads.flat_map { |thread| join(thread).value }
    takers = engines.map do |engine|
      Thread.new do
        hand = engine.hand
        while hand.take(500)
          hand.enter
          hand.complete(definition, nil, false)
        end
      end
    end
    wait_for_log(engines.first, "all runs are done") { runs.all? { |id| engines.last.find(id)[:state] == :done } }
    takers.each { |thread| join(thread) }
    expect(runs.uniq.size).to eq(100)
    expect(runs.map { |id| kinds(engines.first, id).count(:step_completed) }.uniq).to eq([ 2 ])
    expect(engines.map { |engine| engine.stop(5_000) }).to eq([ true, true ])
  end

  it "stops once, and again without harm, from several threads at once" do
    engine = open_engine
    expect(Array.new(5) { Thread.new { engine.stop(1_000) } }.map { |thread| join(thread).value }).to all(be(true))
    expect(engine.stop(1_000)).to be(true)
    expect(engine.alive?).to be(false)
  end

  it "refuses every call after it was stopped" do
    engine = open_engine
    definition = define(later: :send)
    hand = engine.hand
    id = start(engine, definition)[1][:id]
    engine.stop(1_000)
    calls = [
      -> { start(engine, definition) }, -> { engine.later(id, "send") }, -> { engine.retry(id, definition, nil, "spec") },
      -> { engine.find(id) }, -> { engine.current("key") }, -> { engine.list("", nil, 1) }, -> { engine.events(id, 0, 1) },
      -> { engine.search({}, nil, 1) }, -> { engine.count({}, nil) }, -> { engine.ids({}, []) }, -> { engine.fetch([]) }, -> { engine.currents([]) },
      -> { engine.log(0, 1) }, -> { engine.last_position }, -> { engine.wait_log(0, 1) }, -> { engine.flush(1) }, -> { engine.work(1, "spec") },
      -> { engine.quiet }, -> { engine.in_hand }, -> { engine.travel(1) }, -> { engine.hand }, -> { hand.take(0) },
      -> { hand.enter }, -> { hand.complete(definition, nil, true) }, -> { hand.submit(id, "send", "spec", 0) },
      -> { hand.now(id, "send", "spec") }, -> { hand.accept(definition, nil) }, -> { hand.reject(nil, nil) },
      -> { hand.fail(definition, "E", "m", "w", true, nil, nil, true) }
    ]
    calls.each { |call| expect(&call).to raise_error(Workflow::StoreError, /#{Regexp.escape(path)} is stopped/) }
    expect(hand.give_back).to be_nil
    expect(hand.held?).to be(false)
  end

  it "refuses every call before it was opened, and to be opened twice" do
    unopened = Workflow::Native::Engine.allocate
    expect { unopened.find("x") }.to raise_error(Workflow::StoreError)
    expect(unopened.alive?).to be(false)
    expect(unopened.stop(0)).to be(true)
    engine = open_engine
    expect { engine.send(:initialize, path, 1_000, "spec") }.to raise_error(ArgumentError, /open already/)
  end

  it "ends those who wait when it is stopped: a take, a follower of the log" do
    engine = open_engine
    engine.work(1, "worker:spec")
    hand = engine.hand
    position = engine.last_position
    threads = [ Thread.new { hand.take(30_000) }, Thread.new { engine.wait_log(position, 30_000) } ]
    threads.each { |thread| thread.report_on_exception = false }
    threads.each { |thread| wait_asleep(thread) }
    engine.stop(1_000)
    expect(join(threads[0]).value).to be_nil
    expect { join(threads[1]) }.to raise_error(Workflow::StoreError, /stopped/)
  end

  it "stopped while a step is in hand says so, and gives the step to others" do
    definition = define(later: :send)
    engine = open_engine
    engine.work(1, "worker:spec")
    hand = engine.hand
    id = start(engine, definition)[1][:id]
    hand.take(5_000)
    hand.enter
    expect(engine.stop(50)).to be(false)
    expect(hand.give_back).to be_nil
    other = open_engine
    other.work(1, "worker:other")
    expect((other_hand = other.hand).take(5_000).first).to eq(id)
    other_hand.enter
    other_hand.complete(definition, nil, true)
    expect(reasons(other, id)).to eq([ "interrupted" ])
    expect(other.find(id)[:state]).to eq(:done)
  end
end
