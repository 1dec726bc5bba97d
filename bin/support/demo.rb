# frozen_string_literal: true

require "fileutils"
require_relative "log_printer"
require_relative "signup_app"

# bin/demo, once everything is installed: web and worker, and the log on the terminal, until a signal.
class Demo
  PORT = 3000

  def self.run
    new(Integer(ENV.fetch("PORT", PORT))).run
  rescue Program::Died, Waiting::TimedOut => error
    abort error.message
  end

  def initialize(port)
    abort "Port #{port} is in use. Choose another one: PORT=3001 bin/demo" unless SignupApp.port_free?(port)
    @app = SignupApp.new(port: port)
    @log = LogPrinter.new(@app.store)
  end

  def run
    $stdout.sync = true
    start
    loop { again(*@ended.pop) }
  rescue SignalException
    puts "\nStopping …"
  ensure
    stop
  end

  private
    def start
      puts "Starting web and worker …"
      @app.prepare.start
      tell
      @ended = Thread::Queue.new
      @app.programs.each { |program| watch(program) }
      @log.follow
    end

    def watch(program) = Thread.new { @ended << [ program, program.wait ] }

    # Whoever was killed starts again, so that one can see what becomes of a run; else something is wrong.
    def again(program, status)
      status.signaled? or abort "#{program.name} ended by itself; its output is in #{program.output}."
      puts "#{program.name} was killed: starting another …"
      program == @app.web ? @app.start_web : @app.start_worker
      puts "#{program.name} is process #{program.pid}"
      watch(program)
    end

    def tell
      puts <<~TEXT

        #{@app.url}   web is process #{@app.web.pid}, worker is process #{@app.worker.pid}

        1. Open the address, give any e-mail address, and watch the page: it changes by itself.
        2. Open the inbox in the app, and in it the link; then the button.
        3. Once more with "Make the mail fail twice". Or kill -9 #{@app.worker.pid} meanwhile: it is started again.

        Ctrl-C ends both. The log, as it grows:

      TEXT
    end

    # A second Ctrl-C, while they are ending, is hard.
    def stop
      %w[INT TERM HUP].each { |name| trap(name) { @app.kill } }
      @log.stop
      @app.stop
    end
end

if $PROGRAM_NAME == __FILE__
  if ARGV.include?("--drive")
    require_relative "drive"
    Drive.run
  else
    Demo.run
  end
end
