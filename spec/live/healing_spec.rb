# frozen_string_literal: true

require_relative "live_page"

# Pages that miss something, and answers that come late: every page is true in the end, and never goes back.
RSpec.describe "a live page that missed something" do
  include LivePage

  def region(id) = "workflow_order_#{id}"
  def happen(id) = perform("run = Order.find(#{id}).workflow; run.pause; run.resume; 1")
  def cut = perform("Door.cable_shut = true; ActionCable.server.connections.each { |connection| connection.send(:websocket).close }; 1")
  def cable_back = perform("Door.cable_shut = false")

  # Versions of a region as they were shown, one after another.
  def watch(id)
    script(<<~JS, region(id))
      window.versions = []
      const note = () => { const shown = document.getElementById(arguments[0]); if (shown && shown.dataset.version != window.versions.at(-1)) window.versions.push(Number(shown.dataset.version)) }
      new MutationObserver(note).observe(document.documentElement, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-version"] })
      note()
    JS
  end

  def versions = script("return window.versions")

  it "asks now and then while the cable is cut, and hears again when it is back" do
    id = waiting_order
    open_page("/orders/#{id}")
    cut
    browser.wait("the page has noticed") { !connected? }
    happen(id)
    wait_until_true(id)

    cable_back
    browser.wait("the page listens again", within: 60) { connected? }
    happen(id)
    wait_until_true(id)
  end

  it "is true after the cable came back, whatever happened meanwhile" do
    id = waiting_order
    open_page("/orders/#{id}")
    perform("ActionCable.server.connections.each { |connection| connection.send(:websocket).close }; run = Order.find(#{id}).workflow; run.pause; run.resume; 1")
    wait_until_true(id)
  end

  it "notices that it has no stream though Action Cable has confirmed one, and gets one again" do
    id = waiting_order
    open_page("/orders/#{id}")
    perform("ActionCable.server.connections.each { |connection| connection.subscriptions.unsubscribe_from_all }; 1")
    happen(id)
    wait_until_true(id)
    browser.wait("the page listens again", within: 60) { perform("Workflow.follower.instance_variable_get(:@listeners).fetch(Order.find(#{id}).workflow.id, []).size") == 1 && connected? }
    happen(id)
    wait_until_true(id)
  end

  it "works where there is no cable at all" do
    id = waiting_order
    perform("Door.cable_shut = true")
    open_page("/orders/#{id}", listening: false)
    browser.wait("the script is there") { script("return window.workflowLive") }
    happen(id)
    wait_until_true(id)
  end

  it "drops an answer that Turbo has overtaken" do
    id = waiting_order
    open_page("/orders/#{id}")
    watch(id)
    perform("Door.close")
    happen(id)
    wait_until("an answer of the past is on its way") { perform("Door.held") == 1 }
    perform("Order.find(#{id}).submit(:confirm, code: 'x'); 1")
    script("Turbo.visit(location.href, { action: 'replace' })")
    wait_until("Turbo's is on its way too") { perform("Door.held") == 2 }
    perform("Door.let(2)")
    browser.wait("Turbo has shown it") { shown(region(id)) == version(id) }
    script("window.answered = 0; const text = Response.prototype.text; Response.prototype.text = function() { window.answered++; return text.call(this) }")
    perform("Door.open")
    browser.wait("the other has come") { script("return window.answered") >= 1 }
    wait_until_true(id, region(id), "#{region(id)}_timeline")

    expect(versions).to eq [ 5, version(id) ]
  end

  it "never shows what is older, though Turbo brings it" do
    id = waiting_order
    open_page("/orders/#{id}")
    watch(id)
    perform("Door.close")
    script("window.rendered = 0; document.addEventListener('turbo:render', () => window.rendered++)")
    script("Turbo.visit(location.href + '?again=1')")
    wait_until("a page of the past is on its way") { perform("Door.held") == 1 }
    perform("Order.find(#{id}).workflow.pause; 1")
    wait_until("what is new is on its way") { perform("Door.held") == 2 }
    perform("Door.let(2)")
    browser.wait("it is shown") { shown(region(id)) == version(id) }
    perform("Door.let(1)")
    browser.wait("Turbo has rendered") { script("return window.rendered > 0") }
    perform("Door.open")
    wait_until_true(id, region(id), "#{region(id)}_timeline")

    expect(versions).to eq [ 5, 6 ]
  end

  it "is true when one comes back to it, from Turbo's memory or the browser's" do
    id = waiting_order
    open_page("/orders/#{id}")
    browser.click("Elsewhere")
    browser.wait_for_heading("Elsewhere")
    happen(id)
    browser.back
    wait_until_true(id)

    browser.visit("about:blank")
    happen(id)
    browser.back
    wait_until_true(id)
  end

  it "keeps what is typed in a page refresh of Turbo's, which morphs it" do
    id = waiting_order
    open_page("/orders/#{id}")
    browser.type("[name=note]", "Dear all")
    script("window.rendered = 0; document.addEventListener('turbo:render', () => window.rendered++)")
    script("Turbo.session.refresh(location.href)")
    browser.wait("Turbo has morphed the page") { script("return window.rendered > 0") }

    expect(script("return document.querySelector('[name=note]').value")).to eq "Dear all"
    happen(id)
    wait_until_true(id)
    expect(script("return document.querySelector('[name=note]').value")).to eq "Dear all"
  end

  it "gets itself another name when its stream has expired" do
    id = waiting_order
    open_page("/orders/#{id}")
    name = perform("Rails.application.message_verifier('workflow').generate([Order.find(#{id}).workflow.id, nil, Time.now.to_i - 1], purpose: :stream)")
    script("document.querySelector('turbo-cable-stream-source').setAttribute('signed-stream-name', arguments[0])", name)
    browser.wait("it has another name, and listens") do
      connected? && script("return document.querySelector('turbo-cable-stream-source').getAttribute('signed-stream-name')") != name
    end
    happen(id)
    wait_until_true(id)
  end

  it "leads to where the application sends people whose session is over, once nothing is unsaved" do
    id = waiting_order
    open_page("/orders/#{id}")
    browser.type("#search", "unsaved")
    perform("PagesController.signed_out = true")
    happen(id)
    browser.wait("the page knows that it is stale") { browser.has?("[data-workflow-stale]") }
    expect(browser.heading).to eq "Order x"

    7.times { browser.type("#search", :backspace) }
    browser.wait_for_heading("Sign in")
  end

  it "asks again when an answer is an error" do
    id = waiting_order
    open_page("/orders/#{id}")
    perform("Door.broken = true")
    asked = perform("Door.asked")
    happen(id)
    wait_until("it has asked twice") { perform("Door.asked") >= asked + 2 }
    perform("Door.broken = nil")
    wait_until_true(id)
  end

  it "takes what is older when the log itself is: it was restored from a copy" do
    id = waiting_order
    open_page("/orders/#{id}")
    script("for (const region of document.querySelectorAll('[data-workflow-run]')) region.dataset.version = 99")
    perform("ActionCable.server.connections.each { |connection| connection.send(:websocket).close }; 1")
    wait_until_true(id, region(id), "#{region(id)}_timeline")
  end

  it "takes what is of the same version when the log is another one: it was restored from a copy and went another way" do
    id = waiting_order
    open_page("/orders/#{id}")
    perform(<<~RUBY)
      SQLite3::Database.new(FOLDER + "/log.sqlite3") { |log| log.execute("VACUUM INTO '" + FOLDER + "/copy'") }
      Order.find(#{id}).submit(:confirm, code: "wrong") && 1
    RUBY
    browser.wait("the lost part is shown") { script("return document.body.innerText").include?("6 input_rejected") }
    cut
    browser.wait("the page has noticed") { !connected? }
    perform(<<~RUBY)
      Workflow.runtime.stop
      FileUtils.rm(Dir[FOLDER + "/log.sqlite3*"])
      FileUtils.mv(FOLDER + "/copy", FOLDER + "/log.sqlite3")
      Order.find(#{id}).workflow.pause
      Door.cable_shut = nil
    RUBY

    browser.wait("the page shows the log that there is", within: 60) { script("return document.body.innerText").include?("6 run_paused") }
    expect(shown(region(id))).to eq version(id)
  end

  it "looks once more when a record was loaded before, and the run read after a step that changed both" do
    id = order
    open_page("/orders/#{id}")
    perform("Order.meanwhile = -> { Order.find(#{id}).then { |order| order.update!(name: 'renamed') && order.now(:prepare) } }; 1")
    script("document.dispatchEvent(new Event('resume'))")
    wait_until_true(id)

    browser.wait("what the step changed is shown") { script("return document.getElementById(arguments[0]).innerText", region(id)).include?("renamed") }
  end

  it "goes on without scripting" do
    id = waiting_order
    browser.devtools("Emulation.setScriptExecutionDisabled", value: true)
    open_page("/plain/#{id}", listening: false)
    perform("run = Order.find(#{id}).workflow; run.pause; run.resume; 1")
    browser.wait("the page shows the present version", within: 60) { browser.attribute("##{region(id)}_part", "data-version") == version(id).to_s }
    perform("Order.find(#{id}).submit(:confirm, code: 'x'); Order.find(#{id}).now(:ship); 1")
    browser.wait_for_heading("Elsewhere", within: 60)
  ensure
    browser.devtools("Emulation.setScriptExecutionDisabled", value: false)
  end
end
