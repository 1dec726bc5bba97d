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

  def library
    FileUtils.mkdir_p(DIRECTORY)
    source = File.join(DIRECTORY, "fork_helper.c")
    File.write(source, LIBRARY)
    File.join(DIRECTORY, "fork_helper.so").tap { |target| compile(target, [ source ]) }
  end

  # The extension, built so that a fork does not wait at the gate; for the load path.
  def without_gate
    target = File.join(DIRECTORY, "no_gate", "workflow", "workflow.so")
    unless File.exist?(target) && CORE.all? { |file| File.mtime(file) < File.mtime(target) }
      FileUtils.mkdir_p(File.dirname(target))
      compile(target, CORE.grep(/\.c\z/), "-DWF_NO_GATE", "-D_GNU_SOURCE", "-fvisibility=hidden")
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

  # What the scenario says, or nil if it does not end.
  def scenario(forks, seconds:, load_path: [])
    FileUtils.mkdir_p(directory = File.join(@dir, "scenario"))
    reader, writer = IO.pipe
    script = File.join(__dir__, "fork_scenario.rb")
    command = [ RbConfig.ruby, *load_path.flat_map { |path| [ "-I", path ] }, "-I", File.join(NativeHelper::ROOT, "lib"), script ]
    pid = spawn(*command, directory, forks.to_s, ForkBuild.library, out: writer, err: File.join(@dir, "errors"), pgroup: true)
    writer.close
    JSON.parse(reader.read) if Process.detach(pid).join(seconds) && (said = reader.wait_readable(0)) && said
  rescue JSON::ParserError
    { "problems" => [ "it crashed: #{File.read(File.join(@dir, "errors")).lines.first(3).join}" ] }
  ensure
    kill_group(pid)
  end

  def kill_group(pid)
    Process.kill("KILL", -pid)
  rescue Errno::ESRCH, Errno::EPERM
    nil
  end

  it "lose nothing and hang nobody: fork, popen, daemon, and a fork in a library's C code" do
    forks = NativeHelper::LONG || !ENV["CI"] ? 500 : 100
    found = scenario(forks, seconds: 240)
    expect(found).not_to be_nil, "it hangs"
    puts "#{forks} forks in #{found["seconds"]} s, #{found["acknowledged"]} steps acknowledged meanwhile"
    expect(found["problems"]).to be_empty
    expect(found["acknowledged"]).to be > forks * 2
  end
end
