# frozen_string_literal: true

require_relative "../support/signup_example"

RSpec.describe "examples/signup" do
  include SignupExample
  include Waiting

  it "goes from the form to the welcome page, and says by itself when the mail is out" do
    app.worker.stop
    sign_up("ada@example.org")
    browser.wait_for_heading("We are sending your link")
    browser.wait("the page listens") { browser.connected? }
    browser.mark
    browser.socket_messages

    app.start_worker
    browser.wait_for_heading("Check your inbox")
    browser.wait("the timeline below it is true too") { browser.text.include?("Input requested") }
    expect(browser).to be_marked
    expect(browser.socket_messages).to include(/turbo-stream/)
    expect(browser.has?("meta[http-equiv=refresh]")).to be(false)

    open_link("ada@example.org")
    browser.click("Activate")
    browser.wait_for_heading("Welcome")
    expect(by_of("create account")).to all(eq("web:#{app.web.pid}@"))
    expect(by_of("start onboarding")).to include("worker:#{app.worker.pid}@")
  end

  it "shows that the mail did not go out, why, and when it is tried again, and recovers" do
    sign_up("grace@example.org", failing: true)

    browser.wait_for_heading("The mail did not go out")
    expect(browser.text).to match(/Attempt [12] failed: The mail server is busy\./)
    expect(browser.text).to match(/We try again at \d\d:\d\d:\d\d UTC/)

    browser.mark
    browser.wait_for_heading("Check your inbox", within: 30)
    expect(browser).to be_marked
    expect(browser.text).to match(/Step completed\s+Send activation link\s+3/)
  end

  it "gives up after the last attempt, and goes on when a person says so" do
    away = app.mails.sub_ext(".away")
    app.mails.rename(away)
    app.mails.write("in the way")
    sign_up("margaret@example.org")
    browser.wait_for_heading("Something went wrong", within: 60)

    app.mails.delete
    away.rename(app.mails)
    browser.click("Try again")
    browser.wait_for_heading("Check your inbox")
  end

  it "shows how it stands to who asks to try again what has not failed" do
    ready_to_activate("katherine@example.org")
    browser.visit(@signup_url)
    browser.script(<<~JS)
      const form = document.body.appendChild(document.createElement("form"))
      form.dataset.turbo = "false"
      Object.assign(form, { method: "post", action: location.pathname + "/retry" })
      form.innerHTML = `<input name="authenticity_token" value="${document.querySelector("meta[name=csrf-token]").content}"><button>Too late</button>`
    JS
    browser.click("Too late")
    browser.wait("the page is back") { browser.url == @signup_url && !browser.text.include?("Too late") }
    expect(browser.heading).to eq("Check your inbox")
  end

  it "renders the form again with what is wrong in it" do
    browser.visit(app.url)
    [ [ "", "can't be blank" ], [ "<b>ada", "is invalid" ] ].each do |email, message|
      browser.script("document.querySelector('form').noValidate = true")
      browser.fill("#signup_email", email)
      browser.click("Sign up")
      browser.wait("the form says so") { browser.text.include?("Email #{message}") }
      expect(browser.value("#signup_email")).to eq(email)
    end
  end

  it "knows nothing of a forged link, and takes the right one afterwards" do
    ready_to_activate("annie@example.org")
    link = browser.url

    browser.visit(link.chop + link[-1].tr("0-9a-f", "1-9a-f0"))
    browser.wait_for_heading("There is nothing here")
    browser.visit("#{link[/.*=/]}%22%3E%3Cb%3Ewrong%3C%2Fb%3E")
    browser.wait_for_heading("There is nothing here")

    browser.visit(link)
    browser.click("Activate")
    browser.wait_for_heading("Welcome")
  end

  it "does nothing when the link is only opened, as mail scanners do" do
    ready_to_activate("radia@example.org")
    link = URI(browser.url)
    3.times { expect(Net::HTTP.get_response(link)).to be_a(Net::HTTPSuccess) }
    expect(Net::HTTP.start(link.host, link.port) { |http| http.head(link.request_uri) }).to be_a(Net::HTTPSuccess)

    browser.visit(@signup_url)
    expect(browser.heading).to eq("Check your inbox")
  end

  it "takes no activation from another site" do
    ready_to_activate("hedy@example.org")
    form = %(<form method="post" action="#{browser.url}"><button>Win a prize</button></form>)
    browser.visit("data:text/html,<main><h1>Elsewhere</h1>#{ERB::Util.url_encode(form)}</main>")
    browser.click("Win a prize")
    browser.wait_for_heading("Activate your account")
    browser.visit(@signup_url)
    expect(browser.heading).to eq("Check your inbox")
  end

  it "says to whoever submits a second time that the account is already active" do
    ready_to_activate("barbara@example.org")
    link = browser.url
    browser.in_new_tab do
      browser.visit(link)
      browser.click("Activate")
      browser.wait_for_heading("Welcome")
    end

    browser.click("Activate")
    browser.wait_for_heading("Your account is already active")
    browser.click("Go on")
    browser.wait_for_heading("Welcome")
  end

  it "works without scripting" do
    with_scripting = browser
    @browser = Browser.new(scripting: false)
    app.worker.stop
    sign_up("frances@example.org")
    expect(browser.heading).to eq("We are sending your link")

    app.start_worker
    browser.wait("the next look shows it") { browser.reload || browser.heading == "Check your inbox" }
    open_link("frances@example.org")
    browser.click("Activate")
    browser.wait("the next look shows it") { browser.reload || browser.heading == "Welcome" }
  ensure
    browser.quit
    @browser = with_scripting
  end

  it "finishes the mail in hand when the worker is told to end, and goes on with the next worker" do
    app.worker.stop
    app.start_worker(mail_seconds: 2)
    sign_up("joan@example.org")
    wait_until("the mail is being sent") { sending? }
    expect(app.worker.stop).to be(true)
    browser.wait_for_heading("Check your inbox")

    open_link("joan@example.org")
    browser.click("Activate")
    browser.wait_for_heading("Your account is active")
    app.start_worker
    browser.wait_for_heading("Welcome")
  end

  it "goes on after kill -9 of the worker in the middle of the mail" do
    app.worker.stop
    app.start_worker(mail_seconds: 60)
    sign_up("katherine@example.org")
    wait_until("the mail is being sent") { sending? }
    app.worker.kill
    app.mails.glob("*.part").each(&:delete)
    expect(browser.heading).to eq("We are sending your link")

    app.start_worker
    browser.wait_for_heading("Check your inbox")
    open_link("katherine@example.org")
    browser.click("Activate")
    browser.wait_for_heading("Welcome")
  end
end
