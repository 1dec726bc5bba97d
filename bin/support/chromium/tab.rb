# frozen_string_literal: true

class Chromium
  # One tab. It is behind the others, and so hidden, until it is shown; any number can be shown at the same time.
  class Tab
    def initialize(browser, session)
      @browser, @session = browser, session
      %w[Page.enable Runtime.enable].each { |method| call(method) }
    end

    # Has the page's scripts find `window[name]`, a function that hands a string to the block, in every document from now on;
    # and runs a script of ours in each of them, before any of its own.
    def record(name, script)
      @browser.hear(@session) { |method, params| yield params["payload"] if method == "Runtime.bindingCalled" && params["name"] == name }
      call("Runtime.addBinding", name: name)
      call("Page.addScriptToEvaluateOnNewDocument", source: script)
    end

    def visit(url) = call("Page.navigate", url: url)
    def reload = call("Page.reload")
    def show = call("Emulation.setFocusEmulationEnabled", enabled: true)
    def hide = call("Emulation.setFocusEmulationEnabled", enabled: false)

    # Nothing of the page runs any more; only what is hidden can be frozen.
    def freeze_page = hide && call("Page.setWebLifecycleState", state: "frozen")

    def thaw_page
      call("Page.setWebLifecycleState", state: "active")
      show
    end

    # @return [String, nil] the address to which history goes back
    def previous
      call("Page.getNavigationHistory").then { |history| history["currentIndex"].then { |now| history["entries"][now - 1]["url"] if now.positive? } }
    end

    # @return [Object, nil] what the expression is in the page; nil also if the page is just being left
    def evaluate(expression)
      call("Runtime.evaluate", expression: expression, returnByValue: true).dig("result", "value")
    rescue Failed => error
      raise unless error.message.match?(/context|navigat|target/i)
    end

    private
      def call(method, **params) = @browser.call(method, session: @session, **params)
  end
end
