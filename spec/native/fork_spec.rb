# frozen_string_literal: true

require "json"
require_relative "native_helper"

# What the spec compiles for itself.
module ForkBuild
  DIRECTORY = File.join(NativeHelper::ROOT, "tmp", "native")
  CORE = Dir[File.join(NativeHelper::ROOT, "ext/workflow/{.,core}/*.{c,h}")]

  # A library that forks by itself, without asking Ruby; its child writes a row with the SQLite that all here share.
  LIBRARY = <<~C
    #include <signal.h>
    #include <sqlite3ext.h>
    #include <unistd.h>
    #include <string.h>
    SQLITE_EXTENSION_INIT1

    static const char *write_row(const char *path)
    {
        sqlite3 *db;

        if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, 0) || sqlite3_busy_timeout(db, 10000) ||
            sqlite3_exec(db, "INSERT INTO children(run) VALUES('C')", 0, 0, 0)) {
            return sqlite3_errmsg(db);
        }
        sqlite3_close(db);
        return "C ended\\n";
    }

    int fork_in_library(const sqlite3_api_routines *api, const char *path, int fd, int seconds)
    {
        int pid;

        sqlite3_api = api;
        pid = fork();
        if (pid == 0) {
            const char *said;

            signal(SIGALRM, SIG_DFL); /* Ruby has one of its own */
            alarm((unsigned)seconds);
            said = write_row(path);
            _exit(write(fd, said, strlen(said)) < 0);
        }
        return pid;
    }
  C

  module_function

  # @return [String] the library, built in the directory
  def library(directory)
    source = File.join(directory, "fork_helper.c")
    File.write(source, LIBRARY)
    File.join(directory, "fork_helper.so").tap { |target| compile(target, [ source ]) }
  end

  # The extension, built so that a fork does not wait at the gate, once for each state of the sources.
  # @return [String] a directory for the load path
  def without_gate
    target = File.join(DIRECTORY, "no_gate", "workflow", "workflow.so")
    unless File.exist?(target) && CORE.all? { |file| File.mtime(file) < File.mtime(target) }
      FileUtils.mkdir_p(File.dirname(target))
      compile("#{target}.#{Process.pid}", CORE.grep(/\.c\z/), "-DWF_NO_GATE", "-D_GNU_SOURCE", "-fvisibility=hidden")
      File.rename("#{target}.#{Process.pid}", target) # another run may use the old one at this moment
    end
    File.expand_path("../..", target)
  end

  def compile(target, sources, *flags)
    headers = %w[rubyhdrdir rubyarchhdrdir].map { |name| "-I#{RbConfig::CONFIG[name]}" }
    ours = %w[ext/workflow ext/workflow/core].map { |directory| "-I#{File.join(NativeHelper::ROOT, directory)}" }
    command = [ *RbConfig::CONFIG["CC"].split, "-std=gnu11", "-O1", "-w", "-shared", "-fPIC", "-pthread", *flags, *headers, *ours,
      "-o", target, *sources ]
    system(*command, exception: true)
  end
end

RSpec.describe "Forks under load" do
  include NativeHelper

  # What the scenario says of itself; a child of it that hangs would keep a pipe open, so it writes to a file.
  def scenario(forks, seconds:, load_path: [], patience: 20)
    FileUtils.mkdir_p(directory = File.join(@dir, "scenario"))
    output = File.join(@dir, "output")
    paths = [ *load_path, File.join(NativeHelper::ROOT, "lib") ].flat_map { |path| [ "-I", path ] }
    command = [ RbConfig.ruby, *paths, File.join(__dir__, "fork_scenario.rb"), directory, forks.to_s, ForkBuild.library(@dir) ]
    pid = spawn({ "CHILD_S" => patience.to_s }, *command, out: output, err: [ :child, :out ], pgroup: true)
    ended = Process.detach(pid).join(seconds)
    said = File.read(output).lines
    ended ? JSON.parse(said.last.to_s) : { "problems" => [ "it hangs" ] }
  rescue JSON::ParserError
    { "problems" => [ "it crashed: #{said.first(3).join}" ] }
  ensure
    kill_group(pid)
  end

  def kill_group(pid)
    Process.kill("KILL", -pid)
  rescue Errno::ESRCH, Errno::EPERM
    nil
  end

  it "lose nothing and hang nobody: fork, popen, daemon, and a fork in a library's C code" do
    forks = Integer(ENV.fetch("FORKS", NativeHelper::LONG || !ENV["CI"] ? 500 : 100))
    found = scenario(forks, seconds: 240)
    puts "#{forks} forks in #{found["seconds"]} s, #{found["acknowledged"]} steps acknowledged meanwhile"
    expect(found["problems"]).to be_empty
    expect(found["acknowledged"]).to be > forks
  end

  it "would lose or hang something if the gate before the fork were not there" do
    found = scenario(100, seconds: 60, load_path: [ ForkBuild.without_gate ], patience: 3)
    puts "without the gate: #{found["problems"].first}"
    expect(found["problems"]).not_to be_empty
    expect(found["problems"].join).not_to match(/LoadError|NoMethodError|NameError/)
  end
end
