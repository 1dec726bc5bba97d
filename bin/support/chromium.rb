# frozen_string_literal: true

require "fileutils"
require "io/nonblock"
require "json"
require "tmpdir"

# Headless Chromium, spoken to by its DevTools protocol over two pipes: many tabs at the same time, from many threads, and what
# pages tell of themselves as it happens. It lives in a process group of its own and is gone after `quit`.
class Chromium
  class Failed < StandardError; end

  ARGUMENTS = %w[--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync
    --disable-background-networking --disable-component-update --disable-dev-shm-usage --window-size=900,1100].freeze
  ANSWER_S = 60

  # What somebody waits for, and what comes.
  class Answer
    def initialize = (@lock, @came = Mutex.new, ConditionVariable.new)

    def <<(told)
      @lock.synchronize { @told = told and @came.signal }
    end

    # @return [Hash, nil] nil: not within so many seconds
    def take(seconds)
      @lock.synchronize { @told || (@came.wait(@lock, seconds) && @told) }
    end
  end

  def self.executable(*names)
    names.product(ENV.fetch("PATH").split(File::PATH_SEPARATOR)).map { |name, folder| File.join(folder, name) }
      .find { |file| File.executable?(file) }
  end

  def self.program = executable("chromium", "google-chrome", "google-chrome-stable")

  def initialize
    @profile = Dir.mktmpdir("chromium")
    @lock, @number, @answers, @hearers = Mutex.new, 0, {}, {}
    start
    @reader = Thread.new { read }
  end

  # @return [Chromium::Tab] a tab of its own, with nothing in it yet
  def open_tab
    target = call("Target.createTarget", url: "about:blank").fetch("targetId")
    session = call("Target.attachToTarget", targetId: target, flatten: true).fetch("sessionId")
    Tab.new(self, session)
  end

  # Sends a command and waits for its answer.
  # @param session [String, nil] the tab's; nil: of the browser itself
  # @raise [Failed] with what the browser says
  def call(method, session: nil, **params)
    answer = Answer.new
    write(method, session, params, answer)
    told = answer.take(ANSWER_S) or raise Failed, "#{method}: Chromium did not answer within #{ANSWER_S} s"
    told["error"] ? raise(Failed, "#{method}: #{told["error"]["message"]}") : told["result"]
  end

  # Hands events of a session over, one after the other, on the thread that reads; it must not call the browser from there.
  def hear(session, &block) = @lock.synchronize { @hearers[session] = block }

  def quit
    Process.kill("KILL", -@pid)
    Process.wait(@pid)
    @reader.join
  rescue Errno::ESRCH, Errno::ECHILD
    nil # it has ended by itself
  ensure
    FileUtils.rm_rf(@profile)
  end

  private
    def start
      hears, @orders = IO.pipe
      @told, says = IO.pipe
      [ hears, says ].each { |pipe| pipe.nonblock = false } # it reads until there is something, and takes anything else for the end
      @pid = spawn(self.class.program, *ARGUMENTS, "--user-data-dir=#{@profile}", "--remote-debugging-pipe", "about:blank",
        3 => hears, 4 => says, in: File::NULL, out: File::NULL, err: File::NULL, pgroup: true)
      [ hears, says ].each(&:close)
    end

    def write(method, session, params, answer)
      @lock.synchronize do
        @answers[@number += 1] = answer
        @orders.write(JSON.generate({ id: @number, method: method, params: params, sessionId: session }.compact), "\0")
        @orders.flush
      end
    end

    def read
      while (message = @told.gets("\0"))
        hand_over(JSON.parse(message.chomp("\0")))
      end
    ensure
      @lock.synchronize { @answers.each_value { |answer| answer << { "error" => { "message" => "Chromium has ended" } } } }
    end

    def hand_over(message)
      receiver = @lock.synchronize { message["id"] ? @answers.delete(message["id"]) : @hearers[message["sessionId"]] }
      message["id"] ? receiver << message : receiver&.call(message["method"], message["params"])
    end
end

require_relative "chromium/tab"
