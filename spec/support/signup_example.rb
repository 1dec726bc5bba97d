# frozen_string_literal: true

require_relative "../../bin/support/browser"
require_relative "../../bin/support/signup_app"

# The signup example as two real processes on a folder of its own, and a person's way through its pages.
# The processes are booted once for a file's examples; each example finds both running.
module SignupExample
  MAIL_SECONDS = 0.3

  def self.included(group)
    group.before(:all) { boot }
    group.before { @app.programs.zip([ :start_web, :start_worker ]) { |program, start| @app.public_send(start) unless program.running? } }
    group.after(:all) { shut_down }
    group.after { |example| look_at(example) if example.exception }
  end

  attr_reader :app, :browser

  # Fills in the form and sends it off.
  def sign_up(email, failing: false)
    browser.visit(app.url)
    browser.fill("#signup_email", email)
    browser.tick("#signup_rehearse_failure") if failing
    browser.click("Sign up")
    browser.wait("the signup has a page") { browser.url.include?("/signups/") }
  end

  # Goes to the activation page, from the signup's page on, over the inbox and the mail.
  def open_link(email)
    browser.visit(app.url("/inbox"))
    browser.open_letter(email)
    browser.follow_link
    browser.wait_for_heading("Activate your account")
  end

  # A signup that has got its mail, on the activation page.
  def ready_to_activate(email)
    sign_up(email)
    browser.wait_for_heading("Check your inbox")
    @signup_url = browser.url
    open_link(email)
  end

  # While this is true a worker is in the middle of sending.
  def sending? = app.mails.glob("*.part").any?

  # Who wrote the timeline's rows that speak of a step, in order.
  def by_of(step)
    browser.script("return [...document.querySelectorAll('.log tr')].map(row => row.innerText)")
      .grep(/#{step}/i).map { |row| row[/\w+:\d+@/] }.compact
  end

  private
    def boot
      skip_or_fail unless Browser.available?
      @folder = Dir.mktmpdir("signup")
      @app = SignupApp.new(folder: @folder, mail_seconds: MAIL_SECONDS)
      @app.prepare.start
      @browser = Browser.new
    end

    def skip_or_fail
      raise "Chromium and chromedriver are needed." if ENV["CI"] == "true"
      skip "Chromium and chromedriver are not here"
    end

    def shut_down
      @browser&.quit
      @app&.stop
      Replay.check(@app.storage.to_s) if @app
    ensure
      FileUtils.rm_rf(@folder) if @folder
    end

    def look_at(example)
      name = example.full_description.gsub(/\W+/, "-")
      folder = SignupApp::ROOT.join("tmp/screenshots").tap(&:mkpath)
      browser.screenshot(folder.join("#{name}.png"))
      app.logs.glob("*").each { |file| FileUtils.cp(file, folder.join("#{name}-#{file.basename}")) }
    rescue Selenium::WebDriver::Error::WebDriverError => error
      warn "no screenshot of #{name}: #{error.message}"
    end
end
