# frozen_string_literal: true

require_relative "live_page"

# What a change of the run does to the page: its regions become true, and nothing else happens to it.
RSpec.describe "a live page" do
  include LivePage

  # Marks nodes, which a page that is loaded anew, or a node that is put in another's place, does not have.
  def mark(*selectors) = selectors.each { |selector| script("document.querySelector(arguments[0]).marked = true", selector) }
  def marked?(*selectors) = selectors.map { |selector| script("return document.querySelector(arguments[0])?.marked === true", selector) }.all?

  def value(selector) = script("return document.querySelector(arguments[0])?.value", selector)
  def region(id) = "workflow_order_#{id}"

  # Follows a link of a frame.
  def turn(link, text)
    browser.click(link)
    browser.wait("the frame shows it") { browser.text.include?(text) && script("return !document.querySelector('turbo-frame[busy]')") }
  end

  # Something that happens to the run without changing what it waits for.
  def happen(id, times = 1) = perform("run = Order.find(#{id}).workflow; #{times}.times { run.pause; run.resume }; 1")

  it "replaces the regions of the run, and leaves the rest of the page alone" do
    id = order
    open_page("/orders/#{id}")
    mark("body", "h1", "#around", "#search", "##{region(id)}", "##{region(id)}_timeline", "turbo-cable-stream-source")
    browser.type("#search", "typed")
    perform("Order.find(#{id}).now(:prepare)")
    wait_until_true(id, region(id), "#{region(id)}_timeline", "#{region(id)}_progress")

    expect(browser.text).to include("5 things happened.", "5 input_requested confirm", "Waiting for: confirm.")
    expect(marked?("body", "h1", "#around", "#search", "##{region(id)}", "##{region(id)}_timeline", "turbo-cable-stream-source")).to be(true)
    expect(value("#search")).to eq "typed"
    expect(script("return document.getElementById(arguments[0]).dataset.state", region(id))).to eq "waiting"
    expect(script("return window.heard")).to include([ "workflow:update", region(id), 5 ])
    expect(script("return document.querySelectorAll('turbo-cable-stream-source').length")).to eq 1
    expect(script("return document.querySelectorAll('main noscript, main meta').length")).to be <= 1 # the one that the page came with
  end

  it "leaves what somebody types as it is: text, caret, focus, choices, and the fields themselves" do
    id = waiting_order
    open_page("/orders/#{id}")
    mark("#code", "[name=note]", "[name=gift]", "[name=size]")
    browser.tick("[name=gift]")
    browser.type("[name=size]", "M")
    browser.type("[name=note]", "Dear all")
    browser.type("#code", "abc")
    script("document.querySelector('#code').setSelectionRange(2, 5, 'backward')")
    happen(id, 3)
    wait_until_true(id)

    expect(browser.text).to include("11 things happened.")
    expect(marked?("#code", "[name=note]", "[name=gift]", "[name=size]")).to be(true)
    expect([ value("#code"), value("[name=note]"), value("[name=size]"), script("return document.querySelector('[name=gift]').checked") ]).to eq [ "presetabc", "Dear all", "M", true ]
    expect(script("const field = document.activeElement; return [field.id, field.selectionStart, field.selectionEnd, field.selectionDirection]")).to eq [ "code", 2, 5, "backward" ]
    expect(value("[name=untouched]")).to eq "11"
    browser.type("#code", "!")
    expect(value("#code")).to eq "pr!tabc"
  end

  it "leaves what comes back with the answer to a form as it is: nobody has it but this page" do
    id = waiting_order
    open_page("/orders/#{id}")
    script("document.querySelector('form').action = '/answer/' + arguments[0]", id)
    browser.type("[name=note]", "a note")
    browser.type("[name=gift]", " ")
    script("document.querySelector('[name=size]').value = 'M'")
    browser.click("Confirm")
    browser.wait("it is answered") { browser.has?("##{region(id)}[data-workflow-answer]") }
    perform("run = Order.find(#{id}).workflow; run.pause; run.resume; 1")
    wait_until_true(id)

    expect([ value("[name=note]"), value("[name=size]"), script("return document.querySelector('[name=gift]').checked") ]).to eq [ "a note", "M", true ]
  end

  it "shows each of a record's runs in a region of its own, whatever becomes of the others" do
    id = order("2.times { $order.now(:prepare); $order.workflow.cancel; $order.start }")
    open_page("/runs/#{id}")
    told = -> { script("return [...document.querySelectorAll('[data-workflow-run]')].map(it => [it.dataset.workflowRun, Number(it.dataset.version)])") }
    before = told.call
    perform("Order.find(#{id}).now(:prepare); 1")
    browser.wait("a region has changed") { told.call != before }
    after = told.call

    expect(after.map(&:first)).to eq before.map(&:first)
    expect(after.zip(before).count { |now, earlier| now != earlier }).to eq 1
    expect(script("return new Set([...document.querySelectorAll('[data-workflow-run]')].map(it => it.id)).size")).to eq 3
  end

  it "leaves a text alone that is being composed with an input method" do
    id = waiting_order
    open_page("/orders/#{id}")
    browser.script("document.querySelector('[name=note]').focus()")
    browser.devtools("Input.imeSetComposition", text: "にほ", selectionStart: 2, selectionEnd: 2)
    happen(id)
    wait_until_true(id)
    browser.devtools("Input.imeSetComposition", text: "にほん", selectionStart: 3, selectionEnd: 3)
    browser.devtools("Input.insertText", text: "日本")

    expect(value("[name=note]")).to eq "日本"
  end

  it "holds a region in which somebody has typed what the new one has no field for, until they want to see it" do
    id = waiting_order
    open_page("/orders/#{id}")
    browser.type("[name=note]", "unsent")
    perform("Order.find(#{id}).submit(:confirm, code: 'x'); 1")
    browser.wait("the region is held") { browser.has?("##{region(id)}[data-workflow-held]") }
    browser.wait("what has no fields is true") { shown("#{region(id)}_timeline") == version(id) }

    expect(value("[name=note]")).to eq "unsent"
    expect(shown(region(id))).to eq 5
    expect(browser.text).to include("What you typed has been kept.")
    expect(script("return window.heard.filter(([name]) => name == 'workflow:held').map(([, id]) => id)").uniq).to eq [ region(id) ]

    browser.click("Show what is new")
    wait_until_true(id)
    expect(browser.has?("[name=note]")).to be(false)
    expect(browser.has?("[data-workflow-held], .workflow-notice")).to be(false)
  end

  it "takes nothing for typed that the browser itself makes of what stands in the page" do
    id = waiting_order
    open_page("/orders/#{id}")
    fields = %w[stars paint at until count].map { |name| "[name=#{name}]" }
    expect(fields.map { |field| value(field) }).to eq [ "50", "#000000", "2027-01-01T10:00", "2027-01-01T10:00", "" ]
    happen(id)
    wait_until_true(id)
    expect(browser.has?("[data-workflow-held]")).to be(false)
    expect(script("return document.querySelector('#shorthand').getAttribute('@click')")).to eq "look(#{version(id)})"

    script("document.querySelector('[name=stars]').value = 70")
    perform("Order.find(#{id}).submit(:confirm, code: 'x'); 1")
    browser.wait("the region is held") { browser.has?("##{region(id)}[data-workflow-held]") }
    script("document.querySelector('[name=stars]').value = 50; document.querySelector('[name=stars]').dispatchEvent(new Event('input', { bubbles: true }))")
    wait_until_true(id)

    expect(browser.has?(fields.first)).to be(false)
  end

  it "does not hold what somebody has just sent" do
    id = waiting_order
    open_page("/orders/#{id}")
    browser.type("#code", "x")
    browser.click("Confirm")
    browser.wait("what was sent is accepted") { !browser.has?("#code") }
    wait_until_true(id)

    expect(script("return window.heard.filter(([name]) => name == 'workflow:held')")).to eq []
  end

  it "asks for nothing while a form is on its way, whose answer may begin another session" do
    id = waiting_order
    open_page("/orders/#{id}")
    before = version(id)
    perform("PagesController.gate = Queue.new; 1")
    browser.type("#code", "x")
    browser.click("Confirm")
    wait_until("it is accepted") { version(id) > before }
    looks = script(<<~JS)
      const fetch = window.fetch
      let looks = 0
      window.fetch = (...all) => { looks += 1; return fetch(...all) }
      document.dispatchEvent(new Event("resume"))
      window.fetch = fetch
      return looks
    JS
    perform("PagesController.gate.push(true); 1")
    wait_until_true(id)

    expect(looks).to eq 0
  end

  it "neither asks nor leaves while a form is on its way that the browser sends itself, until the page turns out to stay" do
    id = waiting_order
    open_page("/orders/#{id}")
    browser.type("#search", "x")
    perform("PagesController.signed_out = true")
    happen(id)
    browser.wait("the page is to be left") { browser.has?("[data-workflow-stale]") }
    script(<<~JS)
      window.visits = []
      window.looks = 0
      const form = document.createElement("form")
      Object.assign(form, { method: "post", action: "/nothing" })
      form.dataset.turbo = "false"
      document.body.append(form)
      document.addEventListener("turbo:before-visit", event => { event.preventDefault(); window.visits.push(event.detail.url) })
      const fetch = window.fetch
      window.fetch = (...all) => { window.looks += 1; return fetch(...all) }
      form.requestSubmit()
    JS
    script("document.dispatchEvent(new Event('resume'))")
    browser.type("#search", :backspace)

    expect(script("return [window.visits, window.looks]")).to eq [ [], 0 ]
    script("window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    browser.wait("the page is left") { script("return window.visits") == [ url("/sign_in") ] }
  end

  it "lets go of a held region when what was typed is taken back" do
    id = waiting_order
    open_page("/orders/#{id}")
    browser.type("[name=note]", "x")
    perform("Order.find(#{id}).submit(:confirm, code: 'x'); 1")
    browser.wait("the region is held") { browser.has?("##{region(id)}[data-workflow-held]") }
    browser.type("[name=note]", :backspace)
    wait_until_true(id)

    expect(browser.has?("[name=note]")).to be(false)
  end

  it "leaves a frame inside a region what it has loaded, and what is typed there, until the server gives it another address" do
    id = waiting_order
    open_page("/framed/#{id}")
    browser.wait("the frame is loaded") { browser.has?("#inner [name=remark]") }
    browser.click("More")
    browser.wait("the frame shows more") { browser.text.include?("And more.") }
    mark("#inner", "#inner [name=remark]")
    browser.type("#inner [name=remark]", "in the frame")
    happen(id)
    wait_until_true(id, "#{region(id)}_part", "#{region(id)}_steps")
    browser.type("#own [name=remark]", "outside")
    happen(id)
    wait_until_true(id, "#{region(id)}_part", "#{region(id)}_steps")

    expect(marked?("#inner", "#inner [name=remark]")).to be(true)
    expect([ value("#inner [name=remark]"), value("#own [name=remark]") ]).to eq [ "in the frame", "outside" ]
    expect(script("return window.heard.filter(([name]) => name == 'workflow:held')")).to eq []
    perform("Order.find(#{id}).update!(name: 'y')")
    happen(id)
    browser.click("Show what is new")
    browser.wait("the frame is at its new address") { browser.has?("#inner[complete][src$='name=y'] [name=remark]") }
    wait_until_true(id, "#{region(id)}_part", "#{region(id)}_steps")

    expect(browser.text).not_to include("And more.")
    expect([ value("#inner [name=remark]"), value("#own [name=remark]") ]).to eq [ "", "outside" ]
  end

  it "asks for what is outside a frame where the page came from, though the frame has changed the page's address" do
    id = waiting_order
    open_page("/board/#{id}")
    turn("Second", "Page 2")
    expect(browser.url).to eq url("/list/#{id}?page=2")
    happen(id)
    wait_until_true(id, "#{region(id)}_steps", "#{region(id)}_timeline")

    browser.back
    browser.wait("the frame is at its beginning") { browser.text.include?("Page 1") }
    script("history.forward()")
    browser.wait("the frame is where it was") { browser.text.include?("Page 2") }
    happen(id)
    wait_until_true(id, "#{region(id)}_steps", "#{region(id)}_timeline")
    expect(browser.has?("[data-workflow-stale]")).to be(false)
  end

  it "asks where a redirection has led" do
    id = waiting_order
    open_page("/orders/#{waiting_order}")
    script("Turbo.visit(arguments[0])", "/moved/#{id}")
    browser.wait("it has led there, and the page listens") { browser.url == url("/orders/#{id}") && browser.has?("##{region(id)}") && connected? }
    script("window.asked = []; const fetch = window.fetch; window.fetch = (...all) => { window.asked.push(String(all[0])); return fetch(...all) }")
    happen(id)
    wait_until_true(id)

    expect(script("return window.asked").uniq).to eq [ url("/orders/#{id}") ]
  end

  it "asks for the page and for a frame of the same address each in its way" do
    id = waiting_order
    open_page("/board/#{id}")
    turn("Second", "Page 2")
    turn("First", "Page 1")
    happen(id)
    wait_until_true(id, "#{region(id)}_steps", "#{region(id)}_timeline")

    expect(browser.has?("[data-workflow-stale]")).to be(false)
  end

  it "looks at most four times a second in a storm of changes, and shows the last" do
    id = waiting_order
    open_page("/orders/#{id}")
    script("window.looks = []; const fetch = window.fetch; window.fetch = (...args) => { window.looks.push(performance.now()); return fetch(...args) }")
    perform("asked, run = Door.asked, Order.find(#{id}).workflow; (run.pause; run.resume) until Door.asked >= asked + 6; 1")
    wait_until_true(id, region(id), "#{region(id)}_timeline")

    looks = script("return window.looks")
    expect(looks.size).to be >= 6
    expect(looks.each_cons(2).map { |a, b| b - a }.min).to be >= 245
  end

  it "follows two runs on one page, each by itself" do
    first, second = waiting_order, waiting_order
    open_page("/pair/#{first},#{second}")
    happen(second)
    wait_until_true(second, region(second), "#{region(second)}_steps")
    expect(shown(region(first))).to eq 5

    happen(first, 2)
    wait_until_true(first, region(first), "#{region(first)}_steps")
    expect([ shown(region(first)), shown(region(second)) ]).to eq [ 9, 7 ]
    expect(script("return document.querySelectorAll('turbo-cable-stream-source').length")).to eq 2
  end

  it "tells the application a look from a visit" do
    id = waiting_order
    open_page("/orders/#{id}")
    happen(id)
    wait_until_true(id)

    expect(perform("Door.asked")).to be > 1
    expect(perform("Door.visits")).to eq 1
  end

  it "asks only where there is something new" do
    first, second = waiting_order, waiting_order
    open_page("/orders/#{first}")
    script(<<~JS, "/plain/#{second}", "#{region(second)}_part")
      fetch(arguments[0]).then(answer => answer.text()).then(text => {
        const part = new DOMParser().parseFromString(text, "text/html").getElementById(arguments[1])
        part.dataset.workflowSrc = arguments[0]
        document.querySelector("main").append(document.importNode(part, true))
      })
    JS
    browser.wait("both listen") { script("return document.querySelectorAll('turbo-cable-stream-source[connected]').length") == 2 }
    script("window.asked = []; const fetch = window.fetch; window.fetch = (...all) => { window.asked.push(String(all[0])); return fetch(...all) }")
    happen(second)
    wait_until_true(second, "#{region(second)}_part")
    asked = script("return window.asked.splice(0)")
    happen(first)
    wait_until_true(first)

    expect(asked.uniq).to eq [ url("/plain/#{second}") ]
    expect(script("return window.asked").uniq).to eq [ url("/orders/#{first}") ]
  end

  it "says what anybody wrote as text, under a strict policy without a violation" do
    hostile = %("><script>window.pwned = 1</script><img src=x onerror="window.pwned = 2">)
    id = order(name: hostile)
    open_page("/orders/#{id}")
    perform("Order.trouble = #{hostile.dump}; Order.find(#{id}).now(:prepare); 1")
    wait_until_true(id)

    expect(browser.text).to include("RuntimeError: #{hostile}")
    expect(script("return [window.pwned, document.querySelector('main img'), window.violations, window.errors]")).to eq [ nil, nil, [], [] ]
    expect(browser.heading).to eq "Order #{hostile}"
  end

  it "goes on to another page when a step says so, and not back into it" do
    id = waiting_order
    open_page("/plain/#{id}")
    pages = script("return history.length")
    perform("Order.find(#{id}).submit(:confirm, code: 'x'); Order.find(#{id}).now(:ship); 1")
    browser.wait_for_heading("Elsewhere")
    expect(script("return history.length")).to eq pages
  end
end
