# frozen_string_literal: true

require "bundler"
require "fileutils"
require "net/http"
require "pathname"
require "socket"
require_relative "program"

# The example's web and worker as two processes on one storage. Given a folder, everything that they write
# is in there; without one they work on the example's own storage.
class SignupApp
  HOST = "127.0.0.1"
  ROOT = Pathname(__dir__).join("../..").expand_path
  DIR = ROOT.join("examples/signup")

  attr_reader :port, :web, :worker

  def self.free_port
    TCPServer.open(HOST, 0) { |server| server.addr[1] }
  end

  def self.port_free?(port)
    TCPServer.open(HOST, port) { true }
  rescue Errno::EADDRINUSE
    false
  end

  def initialize(port: self.class.free_port, folder: nil, mail_seconds: nil)
    @port, @folder, @mail_seconds = port, folder && Pathname(folder), mail_seconds
    @web = program("web", %w[bundle exec puma --quiet])
    @worker = program("worker", %w[bundle exec rails workflow:work])
  end

  # The folders and the database; nothing to do where no migration is newer.
  def prepare
    return self if prepared?
    [ storage, mails, logs ].each(&:mkpath)
    log = logs.join("prepare.log").to_s
    system(env, "bundle", "exec", "rails", "db:prepare", chdir: DIR.to_s, unsetenv_others: true,
      in: File::NULL, out: log, err: [ :child, :out ]) or raise Program::Died, File.read(log)
    FileUtils.touch(stamp)
    self
  end

  # Both at once.
  def start
    [ Thread.new { start_web }, Thread.new { start_worker } ].each do |thread|
      thread.report_on_exception = false
      thread.join
    end
    self
  end

  def start_web = web.start { answering? }

  def start_worker(mail_seconds: @mail_seconds)
    worker.start(env: { "SIGNUP_MAIL_SECONDS" => mail_seconds&.to_s }) { working? }
  end

  # True if both went by themselves.
  def stop
    programs.map { |program| Thread.new { program.stop } }.map(&:value).all?
  end

  def kill = programs.each { |program| program.kill if program.running? }
  def programs = [ web, worker ]

  def url(path = "/") = "http://#{HOST}:#{port}#{path}"
  def store = "sqlite:#{storage.join("development_workflow.sqlite3")}"
  def storage = @folder ? @folder.join("storage") : DIR.join("storage")
  def mails = @folder ? @folder.join("mails") : DIR.join("tmp/mails")
  def logs = @folder ? @folder.join("log") : DIR.join("log")

  private
    def stamp = storage.join(".prepared")

    def prepared?
      stamp.exist? && storage.join("development.sqlite3").exist? &&
        DIR.glob("db/migrate/*.rb").all? { |migration| migration.mtime <= stamp.mtime }
    end

    def program(name, command)
      Program.new(name, command, env: env, dir: DIR, output: logs.join("#{name}.out"))
    end

    def env
      outside = Bundler.unbundled_env.except("RAILS_ENV", "RACK_ENV", "DATABASE_URL")
      outside.merge("RAILS_ENV" => "development", "PORT" => port.to_s, "HOST" => HOST,
        "BUNDLE_GEMFILE" => DIR.join("Gemfile").to_s, "SIGNUP_STORAGE" => storage.to_s, "SIGNUP_MAILS" => mails.to_s,
        "SIGNUP_LOG" => logs.to_s)
    end

    def answering?
      Net::HTTP.get_response(URI(url)).is_a?(Net::HTTPSuccess)
    rescue SystemCallError, IOError, Timeout::Error
      false
    end

    def working? = worker.said.include?("works on")
end
