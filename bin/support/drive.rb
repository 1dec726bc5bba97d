# frozen_string_literal: true

require "fileutils"
require "tmpdir"
require_relative "browser"
require_relative "log_printer"
require_relative "signup_app"

# bin/demo --drive: plays the stories in headless Chromium on an app of its own, saves a screenshot of each
# stage, and ends with the events of both runs. Anything that is not as told is an error.
class Drive
  FOLDER = SignupApp::ROOT.join("tmp/demo")
  MAIL_SECONDS = 2

  class NotAsTold < StandardError; end

  def self.run
    abort "Chromium and chromedriver are needed." unless Browser.available?
    Dir.mktmpdir("signup") { |folder| new(folder).run }
  rescue SignalException
    abort "Stopped."
  rescue NotAsTold, Program::Died, Waiting::TimedOut, Selenium::WebDriver::Error::WebDriverError => error
    abort "NOT AS TOLD: #{error.message}"
  end

  def initialize(folder)
    @app = SignupApp.new(folder: folder, mail_seconds: MAIL_SECONDS)
    @log = LogPrinter.new(@app.store)
  end

  def run
    $stdout.sync = true
    FileUtils.rm_rf(FOLDER)
    FOLDER.mkpath
    start
    story("good", "The good mail") { good_mail }
    story("failing", "The mail that fails twice") { failing_mail }
    check_processes
    puts "\nAs told. The screenshots are in #{FOLDER.relative_path_from(SignupApp::ROOT)}."
  ensure
    @browser&.quit
    @app.stop or raise NotAsTold, "A process had to be killed."
  end

  private
    def start
      @app.prepare.start
      @browser = Browser.new
      puts "web is process #{@app.web.pid}, worker is process #{@app.worker.pid}, at #{@app.url}"
    end

    def story(name, title)
      @story, @stage = name, 0
      puts "\n#{title}"
      @log.skip
      yield
      puts "", "  Its events:", ""
      @log.print_new(indent: "  ")
    end

    def good_mail
      sign_up("ada@example.org")
      arrives("Check your inbox", "the mail is out: the page said so by itself")
      activate("ada@example.org")
    end

    def failing_mail
      sign_up("grace@example.org", failing: true)
      arrives("The mail did not go out", "the first attempt failed: the page says so and when it tries again")
      check(@browser.text.include?("The mail server is busy."), "the page says why")
      arrives("Check your inbox", "the third attempt went through: the page said so by itself")
      activate("grace@example.org")
    end

    def sign_up(email, failing: false)
      @browser.visit(@app.url)
      stage("form", "the form")
      @browser.fill("#signup_email", email)
      @browser.tick("#signup_rehearse_failure") if failing
      @browser.click("Sign up")
      return if failing && @browser.wait_for_heading("The mail did not go out")
      @browser.wait_for_heading("We are sending your link")
      stage("sending", "the account is made, the mail is on its way")
    end

    # The heading comes while nobody touches the page: no load of ours, and none that the page does by itself.
    def arrives(heading, what)
      unless @browser.heading == heading
        @browser.mark
        @browser.socket_messages
        @browser.wait_for_heading(heading)
        check(@browser.marked?, "the page was not loaded anew")
        check(@browser.socket_messages.any? { |message| message.include?("turbo-stream") }, "it came over the socket")
      end
      stage(heading.downcase.tr(" ", "-"), what)
    end

    def activate(email)
      @browser.click("Open the inbox")
      @browser.wait_for_heading("Inbox")
      stage("inbox", "the inbox, as the app shows it")
      @browser.open_letter(email)
      stage("letter", "the mail with the link")
      @browser.follow_link
      @browser.wait_for_heading("Activate your account")
      stage("activation", "the link shows a button and does nothing yet")
      @browser.click("Activate")
      @browser.wait_for_heading("Welcome")
      stage("welcome", "the account is active, onboarding has run")
    end

    def stage(name, what)
      file = FOLDER.join(format("%s-%02d-%s.png", @story, @stage += 1, name))
      @browser.screenshot(file)
      puts "  ✓ #{what} (#{file.basename})"
    end

    def check(truth, what)
      truth or raise NotAsTold, "#{what}: that is not so. The page says:\n#{@browser.text.lines.first(30).join}"
    end

    def check_processes
      by = @log.printed.map(&:by).uniq
      expected = [ [ "web", @app.web ], [ "worker", @app.worker ] ]
      expected.each do |role, program|
        check(by.any? { |name| name.start_with?("#{role}:#{program.pid}@") }, "events by #{role} #{program.pid}, and not only #{by}")
      end
      puts "\nTwo processes wrote the log: #{by.join(" and ")}"
    end
end
