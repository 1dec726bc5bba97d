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
  def part(id) = perform("ActionController::Base.render(inline: '<%= workflow_for(run, id: %(#{region(id)}_part)) { 1 } %>', locals: { run: Order.find(#{id}).workflow })")

  def stream(message, shown)
    script("Turbo.renderStreamMessage(arguments[0])", message)
    browser.wait("Turbo has shown it") { browser.has?(shown) }
  end

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

  # Chromium never reads to its end what a page has asked for that was frozen then; Turbo waits, with a preview in place of the page.
  it "begins a visit of Turbo's again that does not go on once the page is no longer frozen" do
    id = waiting_order
    open_page("/orders/#{id}")
    script("Turbo.visit('/elsewhere')")
    browser.wait("it is elsewhere") { script("return document.querySelector('h1')?.textContent") == "Elsewhere" }
    perform("Door.close")
    script("Turbo.visit('/orders/#{id}')")
    wait_until("the visit is on its way") { perform("Door.held") == 1 }
    browser.wait("a preview is there") { script("return document.documentElement.hasAttribute('data-turbo-preview')") }
    entries = script("return history.length")
    perform("Order.find(#{id}).workflow.pause; 1")
    script("document.dispatchEvent(new Event('resume'))")
    wait_until("it is asked for again") { perform("Door.held") == 2 }
    perform("Door.let(2)")

    wait_until_true(id)
    expect(script("return [ document.documentElement.hasAttribute('data-turbo-preview'), history.length ]")).to eq [ false, entries ]
    perform("Door.open")
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

  it "takes an answer though Turbo has changed something else of the page meanwhile, and none that is older than what Turbo brings" do
    id = waiting_order
    open_page("/orders/#{id}")
    perform("Door.close")
    perform("Order.find(#{id}).workflow.pause; 1")
    wait_until("an answer is on its way") { perform("Door.held") == 1 }
    stream("<turbo-stream action='append' target='around'><template><b>a message</b></template></turbo-stream>", "b")
    perform("Door.let(1)")
    wait_until_true(id, region(id), "#{region(id)}_timeline")

    perform("Order.find(#{id}).workflow.resume; 1")
    wait_until("an answer of the past is on its way") { perform("Door.held") == 2 }
    perform("Order.find(#{id}).submit(:confirm, code: 'x'); 1")
    stream("<turbo-stream action='append' target='around'><template>#{part(id)}</template></turbo-stream>", "##{region(id)}_part")
    wait_until("it is asked for again, and that one not waited for") { perform("Door.held") == 3 }
    perform("Door.let(2)")

    expect(shown(region(id))).to eq 6
    perform("Door.open")
    wait_until_true(id, region(id), "#{region(id)}_timeline")
  end

  # Answers that never come, but for those who do not wait for them.
  def unanswered
    script("window.asked = 0; window.answering = fetch; window.fetch = (_, { signal }) => { window.asked++; return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))) }")
  end

  # An order whose page asks for what has happened, and gets no answer.
  def asking_in_vain
    id = waiting_order
    open_page("/orders/#{id}")
    unanswered
    perform("Order.find(#{id}).workflow.pause; 1")
    asked(1)
    id
  end

  # An order whose page shows what is new, and a page of the past is on its way: Door.let(1) brings it.
  def overtaken
    id = waiting_order
    open_page("/orders/#{id}")
    yield id if block_given?
    perform("Door.close")
    script("Turbo.visit(location.href + '?again=1')")
    wait_until("a page of the past is on its way") { perform("Door.held") == 1 }
    perform("Order.find(#{id}).workflow.pause; 1")
    wait_until("what is new is on its way") { perform("Door.held") == 2 }
    perform("Door.let(2)")
    browser.wait("it is shown") { shown(region(id)) == version(id) }
    id
  end

  def asked(times) = browser.wait("it has asked #{times} times") { script("return window.asked") >= times }

  it "does not wait for an answer of before it slept, which may never come" do
    id = asking_in_vain
    script("window.fetch = window.answering; document.dispatchEvent(new Event('resume'))")

    wait_until_true(id, region(id), "#{region(id)}_timeline")
  end

  it "asks again no later, however often Turbo renders while it asks" do
    id = asking_in_vain
    (1..8).each do |times|
      asked(times)
      script("document.dispatchEvent(new CustomEvent('turbo:render'))")
    end
    asked(9)
    script("window.fetch = window.answering; document.dispatchEvent(new CustomEvent('turbo:render'))")

    wait_until_true(id, region(id), "#{region(id)}_timeline")
  end

  it "never shows what is older, though Turbo brings it" do
    id = overtaken do |order|
      watch(order)
      script("window.rendered = 0; document.addEventListener('turbo:render', () => window.rendered++)")
    end
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

  it "never shows what is older than what one has left, though Turbo's copy of it is of an earlier visit" do
    id = waiting_order
    open_page("/orders/#{id}")
    browser.click("Elsewhere")
    browser.wait_for_heading("Elsewhere")
    happen(id)
    script("Turbo.visit(arguments[0])", "/orders/#{id}")
    wait_until_true(id)
    script("document.head.insertAdjacentHTML('beforeend', '<meta name=turbo-cache-control content=no-cache>')")
    browser.click("Elsewhere")
    browser.wait_for_heading("Elsewhere")
    unanswered
    script("addEventListener('turbo:render', () => { window.first = document.querySelector('[data-workflow-run]').dataset.version })")
    browser.back
    asked(1)

    expect(script("return window.first").to_i).to eq version(id)
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

  it "asks more and more seldom for a stream that it is refused" do
    id = waiting_order
    perform("Workflow.configuration.viewer = ->(who) { who.is_a?(ActionController::Metal) ? 'somebody' : 'nobody' }; 1")
    open_page("/orders/#{id}", listening: false)
    script(<<~JS)
      window.streams = 0
      const count = changes => changes.forEach(({ addedNodes }) => addedNodes.forEach(node => { if (node.matches?.("turbo-cable-stream-source")) window.streams += 1 }))
      new MutationObserver(count).observe(document.body, { subtree: true, childList: true })
    JS
    asked = perform("Door.asked")
    browser.wait("it has looked six times", within: 60) { perform("Door.asked") >= asked + 6 }

    expect(script("return window.streams")).to be_between(1, 2)
    happen(id)
    wait_until_true(id)
  ensure
    perform("Workflow.configuration.viewer = nil; 1")
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

  it "asks for no other part of a page that it leaves" do
    id = waiting_order
    open_page("/board/#{id}")
    browser.click("Second")
    browser.wait("the frame shows it") { browser.text.include?("Page 2") && script("return !document.querySelector('turbo-frame[busy]')") }
    script("const main = document.querySelector('main'); main.prepend(main.querySelector('.workflow-steps'))")
    script("window.asked = []; const fetch = window.fetch; window.fetch = (...all) => { window.asked.push(String(all[0])); return fetch(...all) }")
    perform("PagesController.signed_out = true")
    happen(id)
    browser.wait_for_heading("Sign in")

    expect(script("return window.asked").last).to eq url("/sign_in")
  end

  it "is loaded again where its record is gone, without Turbo and at a place in the page as well" do
    id = waiting_order
    open_page("/orders/#{id}?plain=1#around", listening: false)
    browser.wait("the script is there") { script("return window.workflowLive") }
    perform("PagesController.gone = true")

    browser.wait_for_heading("Gone")
  end

  it "stays when it answers a form, and there is nothing at its address for who asks again" do
    id = waiting_order
    open_page("/elsewhere", listening: false)
    script("document.body.innerHTML = '<form method=post data-turbo=false action=/answer/' + arguments[0] + '>'; document.forms[0].submit()", id)
    browser.wait("the answer listens") { connected? }
    happen(id)
    browser.wait("it says that it is stale") { script("return document.getElementById(arguments[0]).hasAttribute('data-workflow-stale')", region(id)) }

    expect(browser.heading).to eq "Order x"
  end

  it "follows what a script has put into the page: by the address that it names, and else says that it is stale, and stays" do
    id = waiting_order
    open_page("/elsewhere", listening: false)
    script(<<~JS, "/plain/#{id}", region(id))
      fetch(arguments[0]).then(answer => answer.text()).then(text => {
        const part = new DOMParser().parseFromString(text, "text/html").getElementById(arguments[1] + "_part")
        const named = part.cloneNode(true)
        named.id += "_named"
        named.dataset.workflowBase = part.id
        named.dataset.workflowSrc = arguments[0]
        document.body.append(document.importNode(part, true), document.importNode(named, true))
        import([...part.querySelectorAll("script")].map(it => it.src)[0])
      })
    JS
    browser.wait("they listen") { connected? }
    happen(id)
    browser.wait("the one that names no address is stale") { script("return document.getElementById(arguments[0])?.hasAttribute('data-workflow-stale')", "#{region(id)}_part") }
    browser.wait("the other one is true") { script("return [...document.querySelectorAll('[data-workflow-src]')].map(it => Number(it.dataset.version))") == [ version(id) ] }

    expect(browser.heading).to eq "Elsewhere"
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

  it "asks at once when the server speaks again, however long it has failed" do
    id = waiting_order
    open_page("/orders/#{id}")
    perform("Door.broken = true")
    asked = perform("Door.asked")
    happen(id)
    wait_until("it has asked four times, the next time is eight seconds away") { perform("Door.asked") >= asked + 4 }
    perform("Door.broken = nil")
    script(<<~JS, perform("Order.find(#{id}).workflow.id"), version(id))
      document.querySelector("turbo-cable-stream-source").removeAttribute("connected")
      setTimeout((run, version) => Turbo.renderStreamMessage(`<turbo-stream action="workflow" data-run="${run}" data-version="${version}"></turbo-stream>`), 50, ...arguments)
    JS

    wait_until_true(id, region(id), "#{region(id)}_timeline", within: 4)
  end

  it "asks for what came with a region that was newer on the page before" do
    id = overtaken
    script("document.getElementById(arguments[0]).remove()", "#{region(id)}_timeline")
    script("addEventListener('turbo:render', () => { window.behind = window.workflowLive().shown.filter(it => it.behind).map(it => it.id) })")
    perform("Door.let(1)")
    browser.wait("Turbo has rendered") { script("return window.behind") }

    expect(script("return window.behind")).to include region(id)
    perform("Door.open")
    wait_until_true(id, region(id), "#{region(id)}_timeline")
  end

  it "asks by itself where the connection is not what it says" do
    id = waiting_order
    open_page("/orders/#{id}")
    script(<<~JS)
      const { subscription } = document.querySelector("turbo-cable-stream-source")
      subscription.received = () => {}
      subscription.consumer.connection.isOpen = () => false
    JS
    happen(id)

    wait_until_true(id)
    expect(connected?).to be true
  end

  it "asks again for what an answer did not have, when somebody comes back to the page" do
    id = waiting_order
    open_page("/elsewhere", listening: false)
    script("document.body.innerHTML = '<form method=post data-turbo=false action=/answer/' + arguments[0] + '>'; document.forms[0].submit()", id)
    browser.wait("the answer listens") { connected? }
    happen(id)
    browser.wait("it says that it is stale") { browser.has?("##{region(id)}[data-workflow-stale]") }
    script("const fetch = window.fetch; window.fetch = (_, options) => fetch('/orders/' + arguments[0], options); document.dispatchEvent(new Event('resume'))", id)

    wait_until_true(id)
    expect(browser.has?("[data-workflow-stale]")).to be false
  end

  it "says of what lies in another region that its address has it no more" do
    id, other = waiting_order, waiting_order
    open_page("/orders/#{id}")
    script(<<~JS, "/plain/#{other}", region(other), region(id))
      fetch(arguments[0]).then(answer => answer.text()).then(text => {
        const part = new DOMParser().parseFromString(text, "text/html").getElementById(arguments[1] + "_part")
        document.getElementById(arguments[2]).append(document.importNode(part, true))
        document.dispatchEvent(new Event("resume"))
      })
    JS

    browser.wait("it is stale") { browser.has?("##{region(other)}_part[data-workflow-stale]") }
    expect(browser.has?("##{region(id)}[data-workflow-stale]")).to be false
  end

  it "goes on while somebody fetches a file by a form" do
    id = waiting_order
    open_page("/orders/#{id}")
    script("document.getElementById('around').insertAdjacentHTML('beforeend', '<form data-turbo=false action=/no_content><button id=fetch>Fetch</button></form>')")
    browser.click("Fetch")
    happen(id)

    wait_until_true(id, within: 10)
    expect(browser.heading).to eq "Order x"
  end

  it "stays where the session that was over has come back" do
    id = waiting_order
    open_page("/orders/#{id}")
    browser.type("#search", "u")
    perform("PagesController.signed_out = true")
    happen(id)
    browser.wait("the page knows that it is stale") { browser.has?("[data-workflow-stale]") }
    perform("PagesController.signed_out = nil")
    happen(id)
    wait_until_true(id)
    expect(browser.has?("[data-workflow-stale]")).to be false
    browser.type("#search", :backspace)
    happen(id)
    wait_until_true(id)

    expect(browser.heading).to eq "Order x"
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

  it "shows what begins after the page did, and what begins anew" do
    id = perform("Order.create!(name: 'x').id")
    open_page("/orders/#{id}", listening: false)
    expect(browser.attribute("##{region(id)}", "data-state")).to eq "none"
    perform("Order.find(#{id}).start; 1")
    wait_until_true(id)

    perform("Order.find(#{id}).workflow.cancel; 1")
    browser.wait("it has ended") { browser.attribute("##{region(id)}", "data-state") == "cancelled" }
    perform("Order.find(#{id}).start; 1")
    script("document.dispatchEvent(new Event('visibilitychange'))")
    browser.wait("it has begun anew") { browser.attribute("##{region(id)}", "data-state") == "running" }
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
