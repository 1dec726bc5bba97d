# frozen_string_literal: true

require_relative "browser"
require_relative "new_app"
require_relative "places"

# rake test:newapp: README.md's ten minutes on what `rails new` makes, to the page in Chromium that changes by itself.
class NewAppStory
  HEADING = "Use it in your app"
  README = File.expand_path("../../README.md", __dir__)
  MODEL = "app/models/signup.rb"
  MAIL_SERVER = "tmp/mail_server_is_there"
  PROBLEMS = [ NewApp::Failed, ReadmePart::Unreadable, Program::Died, Waiting::TimedOut, Selenium::WebDriver::Error::WebDriverError ].freeze

  # A person at an application of whatever layout.
  class Visitor < Browser
    SECONDS = 120

    def text = script("return document.body.innerText")
    def sees(words) = wait("the page says #{words.inspect}", within: SECONDS) { text.include?(words) }
    def sees_button(words) = wait("the page has a button #{words.inspect}", within: SECONDS) { has?("form [type=submit][value='#{words}']") || button?(words) }

    private
      def button?(words) = script("return [...document.querySelectorAll('button')].some(button => button.innerText.trim() == arguments[0])", words)
  end

  def self.run(place)
    return lacking unless Browser.available?
    new(place).run
  rescue *PROBLEMS => error
    abort "A new application is not what README.md says. #{error.message}"
  end

  def self.lacking
    abort "Chromium and chromedriver are not here." if ENV["CI"] == "true"
    puts "Chromium and chromedriver are not here: skipped."
  end
  private_class_method :lacking

  def initialize(place)
    @app = NewApp.new(place, ReadmePart.new(HEADING, README))
  end

  def run
    $stdout.sync = true
    puts @app.make
    @app.follow
    # The one method that is filled in: what it waits for comes when the page is open, and so what follows is seen by a page that changes.
    @app.fill_in(MODEL, "send_link", "sleep 0.05 until Rails.root.join(\"#{MAIL_SERVER}\").exist?")
    @app.start
    visit
  ensure
    @visitor&.quit
    @app.stop
  end

  private
    def visit
      @visitor = Visitor.new
      sign_up
      by_itself("Activate") do
        FileUtils.touch(@app.inside(MAIL_SERVER))
        @visitor.sees_button("Activate")
      end
      by_itself("Done.") do
        address = @visitor.url
        @visitor.in_new_tab { activate(address) }
        @visitor.sees("Done.")
      end
    rescue *PROBLEMS => error
      raise NewApp::Failed, "#{error.message}\n#{@app.said}"
    end

    def sign_up
      @visitor.visit(@app.url)
      @visitor.fill("form input[type=email]", "ada@example.org")
      @visitor.click("Create Signup")
      @visitor.sees("We are working on it: send link")
      puts "Signed up: the page says what is being done."
    end

    # In another tab, so that ours is not loaded.
    def activate(address)
      @visitor.visit(address)
      @visitor.sees_button("Activate")
      @visitor.click("Activate")
      @visitor.sees("Done.")
    end

    def by_itself(words)
      @visitor.mark
      yield
      raise NewApp::Failed, "The page was loaded anew before it said #{words.inspect}." unless @visitor.marked?
      puts "The page says #{words.inspect}, without having been loaded anew."
    end
end
