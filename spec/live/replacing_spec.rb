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

  it "does not hold what somebody has just sent" do
    id = waiting_order
    open_page("/orders/#{id}")
    browser.type("#code", "x")
    browser.click("Confirm")
    browser.wait("what was sent is accepted") { !browser.has?("#code") }
    wait_until_true(id)

    expect(script("return window.heard.filter(([name]) => name == 'workflow:held')")).to eq []
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
