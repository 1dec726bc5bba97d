# frozen_string_literal: true

require "fileutils"
require "rbconfig"
require "socket"
require_relative "../../bin/support/chromium"
require_relative "../../bin/support/waiting"
require_relative "../harness/ending"
require_relative "workload"

module Bench
  # (l) From before the write of a change in a worker process to the moment at which a page in Chromium shows it, as the page itself
  # says. Web and worker are processes of their own with Rails, as bench/live has them; changes are so far apart that each is the
  # first after a while, which is what somebody sees who waits.
  class Live < Workload
    include Waiting

    METRICS = { "p50" => [ "p50, ms", false ], "p99" => [ "p99, ms", false ] }.freeze
    COUNTED = "samples"
    APART_S = 0.3..0.4
    WARM_UP = 10
    FOLDER = File.expand_path("../live", __dir__)
    SCRIPT = File.join(FOLDER, "page.js")
    BOOT_S = 120
    SHOWN_S = 30

    def self.title(_) = "(l) a change in a worker to the page that shows it"
    def self.count(_, fast:, quick:) = quick ? 10 : 300

    def measure
      @shown = {}
      prepare
      web { page { worker { |input, output| told(percentiles(sample(input, output)), []) } } }
    end

    private
      def prepare
        FileUtils.mkdir_p(File.join(@contender.dir, "public"))
        FileUtils.mkdir_p(File.join(@contender.dir, "config"))
        turbo = File.join(Gem.loaded_specs.fetch("turbo-rails").full_gem_path, "app/assets/javascripts/turbo.min.js")
        FileUtils.cp(turbo, File.join(@contender.dir, "public/turbo.js"))
        FileUtils.cp(Dir[File.join(FOLDER, "config/*")], File.join(@contender.dir, "config"))
        system(environment, RbConfig.ruby, File.join(FOLDER, "prepare.rb"), out: :err) or raise "the application could not be prepared"
      end

      def environment
        { "RAILS_ENV" => "production", "BENCH_DIR" => @contender.dir, "RUBYOPT" => "-W0 -rbundler/setup", **@contender.live_environment }
      end

      def web
        @port = TCPServer.open("127.0.0.1", 0) { |server| server.addr[1] }
        pid = spawn(environment, RbConfig.ruby, Gem.bin_path("puma", "puma"), "--quiet", "--threads", "5:5", "--bind", "tcp://127.0.0.1:#{@port}", File.join(FOLDER, "web.ru"), out: :err)
        wait_until("the web process answers", within: BOOT_S) { answers? }
        yield
      ensure
        Ending.of(pid) if pid
      end

      def answers?
        TCPSocket.new("127.0.0.1", @port).close || true
      rescue SystemCallError
        false
      end

      def page
        browser = Chromium.new
        tab = browser.open_tab
        tab.show
        tab.record("recordNumber", File.read(SCRIPT)) { |text| text.split.then { |number, moment| @shown[Integer(number)] ||= Float(moment) } }
        tab.visit("http://127.0.0.1:#{@port}/")
        wait_until("the page listens", within: BOOT_S) { tab.evaluate("document.querySelector('turbo-cable-stream-source')?.hasAttribute('connected')") }
        yield
      ensure
        browser&.quit
      end

      def worker
        hears, input = IO.pipe
        output, says = IO.pipe
        pid = spawn(environment, RbConfig.ruby, File.join(FOLDER, "worker.rb"), in: hears, out: says)
        [ hears, says ].each(&:close)
        output.gets or raise "the worker process ended"
        yield input.tap { |pipe| pipe.sync = true }, output
      ensure
        input&.close
        Ending.of(pid) if pid
      end

      # @return [Hash{Integer => Float}] by number the seconds until the page had it
      def sample(input, output)
        (1..(WARM_UP + @count)).to_h do |number|
          sleep rand(APART_S)
          input.puts(number)
          moment = Float(output.gets.split.last)
          wait_until("the page shows number #{number}", within: SHOWN_S) { @shown[number] }
          [ number, @shown[number] - moment ]
        end
      end

      def percentiles(seconds)
        times = seconds.filter_map { |number, time| time * 1000 if number > WARM_UP }
        { "p50" => Figures.percentile(times, 0.5), "p99" => Figures.percentile(times, 0.99) }
      end
  end
end
