# frozen_string_literal: true

# Builds the core (core/*.c, plain C) and the glue that binds it to Ruby (*.c) into workflow/workflow.so.
# SQLite is not linked: the core is handed the sqlite3 gem's own copy when the first store is opened.
require "mkmf"

abort "workflow runs on Linux and macOS; on Windows use it inside WSL." if Gem.win_platform?

sources = Dir[File.join(__dir__, "{.,core}", "*.c")]
$srcs = sources.map { |path| File.basename(path) }.sort
$VPATH << "$(srcdir)/core"
$INCFLAGS << " -I$(srcdir) -I$(srcdir)/core"
$CFLAGS << " -std=gnu11 -O2 -fvisibility=hidden"
$defs << "-D_GNU_SOURCE"

unless have_header("sqlite3ext.h")
  abort <<~TEXT
    workflow needs SQLite's header sqlite3ext.h to compile (the library itself comes with the sqlite3 gem). Install it with
      Debian, Ubuntu   apt-get install libsqlite3-dev
      Fedora, RHEL     dnf install sqlite-devel
      macOS            brew install sqlite
  TEXT
end

abort "workflow needs POSIX threads (pthread.h)." unless have_header("pthread.h")

create_makefile("workflow/workflow")
