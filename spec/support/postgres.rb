# frozen_string_literal: true

require "etc"
require "fileutils"
require "tmpdir"
require_relative "../../bin/support/waiting"

# A PostgreSQL server of this process's own, started when first asked for and gone with it, directory and all, whatever ends
# this process: a shell holds the server and reads from a pipe, which the kernel closes if nobody else does. It listens on a
# socket in its directory, nowhere else, and syncs nothing (fsync=off): only clients of it are killed, never it or the machine.
class Postgres
  include Waiting
  class Unavailable < StandardError; end

  USER = "postgres"
  MEMORY = "/dev/shm" # where making a database waits for no disk
  MEMORY_MIN = 512 * 1024 # KB free

  # $1 is the directory. INT ends it whoever is connected; TERM, if it was too young to hear that.
  HOLD = <<~SHELL
    initdb -D data -U #{USER} -A trust -E UTF8 --locale=C --wal-segsize=1 --no-sync && {
      postgres -D data -k "$1" -c listen_addresses= -c max_connections=200 -c shared_buffers=16MB -c max_wal_size=32MB \
        -c fsync=off -c full_page_writes=off -c synchronous_commit=off -c autovacuum=off -c jit=off &
      read -r _
      kill -INT $!
      kill -TERM $!
      wait $!
    }
    cd / && rm -rf "$1"
  SHELL

  class << self
    # @return [Postgres] the running server
    # @raise [Unavailable]
    def server
      raise Unavailable, missing if missing
      @server ||= new.start
    end

    # @return [String, nil] what keeps a server from running here, as a sentence
    def missing
      return "PostgreSQL's initdb and postgres are not here (Debian's package: postgresql)." unless programs
      "PostgreSQL does not run as root, and there is no user #{USER}." unless Process.uid.nonzero? || account
    end

    # @return [String, nil] the directory of the newest server
    def programs
      @programs ||= [ *Dir["/usr/lib/postgresql/*/bin"].sort_by { |path| -path[/\d+/].to_i }, *ENV["PATH"].split(":") ]
        .find { |path| %w[initdb postgres].all? { |name| File.executable?(File.join(path, name)) } }
    end

    # @return [Etc::Passwd, nil] who runs it when we are root
    def account = Etc.passwd { |entry| return entry if entry.name == USER }

    # In a child: the server is its parent's.
    def leave = @server&.leave
  end

  # A child that kept the pipe would keep the server from ending.
  module Forks
    def _fork = super.tap { |pid| Postgres.leave if pid.zero? }
  end
  Process.singleton_class.prepend(Forks)

  attr_reader :directory

  def start
    @owner = Process.pid
    @directory = Dir.mktmpdir("workflow-pg", roomy_memory? ? MEMORY : nil)
    File.chown(account.uid, account.gid, directory) if account
    @output = File.open(File.join(directory, "log"), "w+")
    at_exit { stop if Process.pid == @owner }
    hold
    wait_until("PostgreSQL answers", within: 60) { alive? && answers? }
    self
  end

  # What Active Record's or libpq's connections need to know.
  def address = { host: directory, port: 5432, user: USER }

  def pid = Integer(File.foreach(File.join(directory, "data/postmaster.pid")).first)

  # @param name [String]
  def create(name)
    execute("CREATE DATABASE #{name} TEMPLATE template0") { |version| " STRATEGY file_copy" if version >= 150_000 }
  end

  # Whoever may be connected.
  def drop(name) = execute("DROP DATABASE #{name} WITH (FORCE)")

  def leave = @orders&.close

  private
    def hold
      reader, @orders = IO.pipe
      @shell = spawn({ "PATH" => "#{self.class.programs}:#{ENV["PATH"]}", "LC_ALL" => "C" },
        *privileges, "sh", "-c", HOLD, "sh", directory, chdir: directory, pgroup: true, unsetenv_others: true,
        in: reader, out: @output, err: @output)
      reader.close
      @ended = Process.detach(@shell)
    end

    def stop
      @orders&.close
      @ended&.join
      FileUtils.rm_rf(directory)
    end

    def account = (self.class.account if Process.uid.zero?)
    def privileges = account ? [ "setpriv", "--reuid=#{account.uid}", "--regid=#{account.gid}", "--clear-groups" ] : []

    def roomy_memory?
      File.writable?(MEMORY) && IO.popen([ "df", "-Pk", MEMORY ], &:read).lines.last.split[3].to_i >= MEMORY_MIN
    end

    def alive?
      @ended.alive? or raise Unavailable, "PostgreSQL did not start:\n#{@output.tap(&:rewind).read}"
    end

    def answers?
      execute("SELECT 1")
    rescue PG::ConnectionBad
      false
    end

    # On a connection made for it: one that is kept would be shared with every child.
    def execute(sql)
      require "pg"
      connection = PG.connect(**address, dbname: "postgres")
      connection.exec("#{sql}#{yield(connection.server_version) if block_given?}")
    ensure
      connection&.close
    end
end
