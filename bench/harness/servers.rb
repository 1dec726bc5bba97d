# frozen_string_literal: true

require "etc"
require "fileutils"
require "tmpdir"
require_relative "../../bin/support/waiting"

module Bench
  # A server of our own, gone with this process however that ends: a shell holds it and reads from a pipe, which the kernel
  # closes if nobody else does. It listens on a socket in a directory of its own, nowhere else.
  class Server
    include Waiting
    class Unavailable < StandardError; end

    START_S = 60

    attr_reader :sockets

    # @param dir [String] where its data is to lie
    def initialize(dir)
      @dir = File.join(dir, name)
      FileUtils.mkdir_p(@dir)
      @sockets = Dir.mktmpdir("bench") # a socket's path must be short
    end

    def start
      own(@dir, @sockets)
      reader, @orders = IO.pipe
      @shell = spawn({ "LC_ALL" => "C" }, *privileges, "sh", "-c", hold, "sh", @sockets,
        chdir: @dir, pgroup: true, in: reader, out: log, err: [ :child, :out ])
      reader.close
      @ended = Process.detach(@shell)
      wait_until("#{name} answers", within: START_S) { alive? && answers? }
      self
    end

    def stop
      @orders&.close
      @ended&.join(START_S) || Process.kill("KILL", -@shell) if @ended
      FileUtils.rm_rf([ @dir, @sockets ])
    end

    private
      # $1 is the directory of the sockets.
      def hold
        <<~SHELL
          #{prepare} && {
            #{command} &
            read -r _
            kill -INT $!
            kill -TERM $! 2> /dev/null
            wait $!
          }
          cd / && rm -rf "$1"
        SHELL
      end

      def log = "#{@dir}.log"
      def own(*) = nil
      def privileges = []
      def prepare = "true"

      def alive?
        @ended.alive? or raise Unavailable, "#{name} did not start:\n#{File.read(log).lines.last(20).join}"
      end
  end

  # Redis as its documentation advises for data that matters: an append-only file, synced each second. No snapshots beside
  # it and no rewriting of it, which would cost Sidekiq time; nothing is evicted, which Sidekiq asks for.
  class RedisServer < Server
    def name = "redis"
    def path = File.join(sockets, "redis.sock")
    def address = { "path" => path }
    def version = IO.popen(%w[redis-server --version], &:read)[/v=(\S+)/, 1].then { |number| "Redis #{number}" }
    def sync_mode = "appendonly yes, appendfsync #{redis.call("CONFIG", "GET", "appendfsync").to_a.flatten.last}"

    private
      def command
        'redis-server --port 0 --unixsocket "$1/redis.sock" --appendonly yes --appendfsync everysec --save "" --auto-aof-rewrite-percentage 0 --maxmemory-policy noeviction'
      end

      def answers?
        File.socket?(path) && redis.call("PING") == "PONG"
      rescue RedisClient::CannotConnectError
        false
      end

      def redis
        require "redis-client"
        @redis ||= RedisClient.config(path: path).new_client
      end
  end

  # PostgreSQL as it comes, with fsync and synchronous_commit on, and room for the connections of many threads.
  class PostgresqlServer < Server
    USER = "postgres"
    CONNECTIONS = 500
    POOL = 120

    def name = "postgresql"
    def address = { "host" => sockets, "user" => USER }
    # As Active Record wants to know it.
    def records(database) = { adapter: "postgresql", host: sockets, username: USER, database: database, pool: POOL }
    def version = "PostgreSQL #{ask("SHOW server_version")}"
    def sync_mode = %w[fsync synchronous_commit].map { |setting| "#{setting}=#{ask("SHOW #{setting}")}" }.join(", ")
    def create(database) = ask("CREATE DATABASE #{database}")

    private
      def prepare = "PATH=#{programs}:$PATH && initdb -D data -U #{USER} -A trust -E UTF8 --locale=C --no-sync"

      def command
        'postgres -D data -k "$1" -c listen_addresses= -c fsync=on -c synchronous_commit=on -c shared_buffers=256MB -c max_connections=' \
          "#{CONNECTIONS}"
      end

      def programs
        [ *Dir["/usr/lib/postgresql/*/bin"].sort_by { |path| -path[/\d+/].to_i }, *ENV["PATH"].split(":") ]
          .find { |path| %w[initdb postgres].all? { |program| File.executable?(File.join(path, program)) } } or
          raise Unavailable, "PostgreSQL's initdb and postgres are not here (Debian's package: postgresql)."
      end

      # PostgreSQL does not run as root.
      def account = (Etc.getpwnam(USER) if Process.uid.zero?)

      def own(*directories)
        return unless account
        directories.each { |directory| File.chown(account.uid, account.gid, directory) }
        reachable = system(*privileges, "test", "-x", @dir, err: File::NULL)
        reachable or raise Unavailable, "The user #{USER}, who runs PostgreSQL, may not enter #{@dir}. Choose another directory with --dir."
      end

      def privileges = account ? [ "setpriv", "--reuid=#{account.uid}", "--regid=#{account.gid}", "--clear-groups" ] : []

      def answers?
        ask("SELECT 1")
      rescue PG::ConnectionBad
        false
      end

      # On a connection made for it.
      def ask(sql)
        require "pg"
        connection = PG.connect(host: sockets, user: USER, dbname: "postgres")
        connection.exec(sql).then { |result| result.getvalue(0, 0) if result.ntuples.positive? }
      ensure
        connection&.close
      end
  end

  # Those that a run needs.
  class Servers
    KINDS = { "redis" => RedisServer, "postgresql" => PostgresqlServer }.freeze

    def initialize(names, dir)
      @servers = names.to_h { |name| [ name, KINDS.fetch(name).new(dir) ] }
    end

    # All at once.
    def start
      @servers.values.map { |server| Thread.new { server.start }.tap { |thread| thread.report_on_exception = false } }.each(&:join)
      self
    end

    def [](name) = @servers[name]
    def addresses = @servers.transform_values(&:address)
    def lines = @servers.values.map { |server| "#{server.version}, #{server.sync_mode}" }
    def stop = @servers.each_value(&:stop)
  end
end
