# frozen_string_literal: true

require "json"
require "selenium-webdriver"
require "tmpdir"
require_relative "chromium"

# Headless Chromium as a person uses it: look, click, type. Nothing in here reloads a page by itself.
class Browser
  def self.chromium = Chromium.program
  def self.chromedriver = Chromium.executable("chromedriver")
  def self.available? = !!(chromium && chromedriver)

  def initialize(scripting: true)
    @profile = Dir.mktmpdir("chromium")
    @driver = Selenium::WebDriver.for(:chrome, options: options(scripting),
      service: Selenium::WebDriver::Service.chrome(path: self.class.chromedriver))
  end

  def quit
    @driver.quit
  ensure
    FileUtils.rm_rf(@profile)
  end

  def visit(url) = @driver.get(url)
  def reload = @driver.navigate.refresh
  def url = @driver.current_url
  def title = @driver.title
  def text = find("main").text
  def heading = find("h1").text
  def value(selector) = find(selector).property("value")
  def attribute(selector, name) = find(selector).attribute(name)
  def has?(selector) = @driver.find_elements(css: selector).any?
  def script(source, *arguments) = @driver.execute_script(source, *arguments)
  def screenshot(file) = @driver.save_screenshot(file.to_s)
  def back = @driver.navigate.back
  def type(selector, text) = find(selector).send_keys(text)
  def devtools(command, **parameters) = @driver.execute_cdp(command, **parameters)

  # A link or button with these words.
  def click(words)
    click_xpath("//a[normalize-space()='#{words}'] | //button[normalize-space()='#{words}'] | " \
      "//input[@type='submit' and @value='#{words}']")
  end

  def fill(selector, text)
    wait("there is #{selector}") { find(selector).clear || true }
    find(selector).send_keys(text)
  end

  def tick(selector) = find(selector).click

  # Does what the block says in a tab of its own.
  def in_new_tab
    before = @driver.window_handle
    @driver.switch_to.new_window(:tab)
    yield
  ensure
    @driver.close
    @driver.switch_to.window(before)
  end

  # The newest mail to somebody, from the inbox.
  def open_letter(email)
    click_xpath("//a[contains(., 'to #{email}')]")
    wait("the mail to #{email} is open") { has?(".letter a") && text.include?("To #{email}") }
  end

  def follow_link = click_xpath("//*[@class='letter']//a")

  # Waits until the page's heading is this; a page that is being replaced meanwhile is looked at again.
  def wait_for_heading(heading, within: 20)
    wait("the heading is “#{heading}”", within: within) { self.heading == heading }
  end

  def wait(what, within: 20, &condition)
    ignored = [ Selenium::WebDriver::Error::StaleElementReferenceError, Selenium::WebDriver::Error::NoSuchElementError ]
    Selenium::WebDriver::Wait.new(timeout: within, interval: 0.02, ignore: ignored).until { looking(&condition) }
  rescue Selenium::WebDriver::Error::TimeoutError
    raise Selenium::WebDriver::Error::TimeoutError, "Waited #{within} s in vain until #{what}; the page says:\n#{text.lines.first(30).join}"
  end

  # Puts a mark into the page's window. It is gone as soon as the page is loaded anew.
  def mark = script("window.marked = true")
  def marked? = script("return window.marked === true")
  def connected? = has?("turbo-cable-stream-source[connected]")

  # What the server has sent over the socket since this was asked last.
  def socket_messages
    @driver.logs.get(:performance).filter_map do |entry|
      message = JSON.parse(entry.message)["message"]
      message.dig("params", "response", "payloadData") if message["method"] == "Network.webSocketFrameReceived"
    end
  end

  private
    # chromedriver has two answers for an element that went away with its page, and knows only one of them by name.
    def looking
      yield
    rescue Selenium::WebDriver::Error::UnknownError => error
      raise unless error.message.include?("does not belong to the document")
      raise Selenium::WebDriver::Error::StaleElementReferenceError, error.message
    end

    def find(selector) = @driver.find_element(css: selector)
    def click_xpath(xpath) = wait("there is #{xpath}") { @driver.find_element(xpath: xpath).click || true }

    def options(scripting)
      Selenium::WebDriver::Options.chrome(binary: self.class.chromium,
        args: [ *Chromium::ARGUMENTS, "--user-data-dir=#{@profile}" ], logging_prefs: { performance: "ALL" }).tap do |options|
        options.add_preference("profile.managed_default_content_settings.javascript", 2) unless scripting
      end
    end
end
