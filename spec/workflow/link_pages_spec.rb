# frozen_string_literal: true

require_relative "link_application"

RSpec.describe "Workflow::LinkPages" do
  include LinkApplication

  it "is opened by scanners as often as they like, and confirms when a person says so" do
    said = visit(<<~'RUBY')
      signup = start
      before = signup.workflow.version
      puts link[%r{\A.*?workflow_token=}], token.match?(/\A[\w-]+\z/)
      3.times { puts get(link) }
      puts head(link).then { |page| [ page.status, page.body ].inspect }
      puts get(link, "HTTP_SEC_PURPOSE" => "prefetch"), get(link, "HTTP_X_SEC_PURPOSE" => "prefetch")
      puts signup.workflow.version == before

      puts post(link)
      puts signup.workflow.completed?(:activate), kinds(signup)[:input_accepted]
    RUBY

    expect(said.lines(chomp: true)).to eq [ "http://app.example/workflow/link?workflow_token=", "true", *[ "200 Please confirm" ] * 3, '[200, ""]',
      *[ "200 Please confirm" ] * 2, "true", "303 http://app.example/signups/1", "true", "1" ]
  end

  it "has its token in no log, though an initializer begins a list of filters anew, or the list is frozen" do
    code = "start; puts get(link)"
    environment = LinkApplication::FILES.fetch("config/environment.rb").sub("config.hosts.clear", "config.hosts.clear\nconfig.filter_parameters = %i[passw].freeze")
    [ { "config/initializers/filter.rb" => "Rails.application.config.filter_parameters = [ :passw ]\n" }, { "config/environment.rb" => environment } ].each do |files|
      expect(visit(code, files: files)).to eq "200 Please confirm\n"
      log = File.read("#{@directory}/log/test.log")
      expect(log.scan(/workflow_token=(.*?)[" ]/).flatten.uniq).to eq [ "[FILTERED]" ]
    end
  end

  it "takes one click, without a session, and tells the next kindly" do
    said = visit(<<~'RUBY')
      signup = start
      pages = Array.new(8) { Thread.new { post(link) } }.map(&:value)
      puts pages.map(&:status).uniq, pages.count { |page| page.headers["Location"].end_with?("/signups/1") }, kinds(signup)[:input_accepted]
      puts post(link).then { |page| [ page.status, page.headers["Location"] == link ].inspect }, get(link), get(link).body.include?('<a href="/signups/1">Go on</a>')
      puts [ *pages, get(link) ].any? { |page| page.headers["Set-Cookie"] }

      puts post(with_token(Workflow::Link.make(start, :activate))).headers["Location"].start_with?("http://app.example/workflow/link?workflow_token=")
    RUBY

    expect(said.lines(chomp: true)).to eq [ "303", "1", "1", "[303, true]", "200 Confirmed", "true", "false", "true" ]
  end

  it "works in an application that has neither sessions nor cookies" do
    said = visit(<<~'RUBY', API_ONLY: "1")
      start
      puts Rails.application.middleware.map(&:name).grep(/Session|Cookies|MethodOverride/).inspect, get(link), post(link), get(link)
    RUBY

    expect(said.lines(chomp: true)).to eq [ "[]", "200 Please confirm", "303 http://app.example/signups/1", "200 Confirmed" ]
  end

  it "says the same of whatever it has not signed, raises nothing, and logs none of it" do
    code = <<~'RUBY'
      signup = start
      good = token
      body, _, digest = good.rpartition("--")
      verifier = Rails.application.message_verifier("workflow links")
      safe = ->(text) { text.tr("+/", "-_").sub(/=*--/, "--") }
      facts = [ signup.workflow.id, "activate", 1, 2**50, nil ]
      foreign = [ safe.(verifier.generate(facts)), safe.(verifier.generate(facts, purpose: :stream)), Workflow::StreamName.sign(signup.workflow),
        safe.(Rails.application.message_verifier("workflow").generate(facts, purpose: :link)) ]
      forged = [ "#{body}--#{digest.succ}", "#{body.succ}--#{digest}", "#{body}--", "--#{digest}", good.upcase, good[0..-2], body, "FORGED" * 3000 ]
      malformed = [ "", "%FF%FE", "%", "%zz", "a%00b", "--", "%F0%9F%92%A9--abc", "..%2F..%2Fetc", "<script>alert(1)</script>" ]
      urls = [ *foreign, *forged, *malformed ].map { |text| with_token(text) }
      urls += [ "http://app.example/workflow/link", "http://app.example/workflow/link?workflow_token[]=#{good}", "http://app.example/workflow/link?workflow_token[a]=#{good}" ]
      pages = urls.flat_map { |url| [ get(url), post(url), post(url, { renew: "1" }) ] }
      pages << ask("POST", with_token(body), input: "{", "CONTENT_TYPE" => "application/json")
      pages << ask("POST", with_token(body), input: "a=%FF&b[", "CONTENT_TYPE" => "application/x-www-form-urlencoded")
      pages << ask("POST", with_token(body), input: "x", "CONTENT_TYPE" => "multipart/form-data; boundary=y")
      puts "pages: #{pages.map(&:to_s).uniq.inspect} #{pages.map(&:body).uniq.size} #{pages.size}"
      puts get(link), post(link).status, post(link).status
      File.write("secrets", [ good, *foreign, *forged ].reject { |text| text.size < 20 }.join("\n"))
    RUBY
    [ {}, { LOCAL: "1" } ].each do |environment|
      said = visit(code, **environment)

      expect(said).to eq %(pages: ["404 There is nothing here"] 1 75\n200 Please confirm\n303\n303\n)
      log = File.readlines("#{@directory}/log/test.log")
      expect(log.join).to include('Started GET "/workflow/link?workflow_token=[FILTERED]"', '"workflow_token"=>"[FILTERED]"', "link?workflow_token=[FILTERED]\n")
      expect(log.grep(/\A[EF], |FORGED|alert/)).to eq []
      log.reject! { |line| line.start_with?("http://app.example/workflow/link") } # the mail itself, which Rails has in its log of development
      leaked = File.readlines("#{@directory}/secrets", chomp: true).select { |secret| log.any? { |line| line.include?(secret) } }
      expect(leaked).to eq []
    end
  end

  it "expires, and has a new link sent, not more often than once a minute" do
    said = visit(<<~'RUBY')
      signup = start
      short = Class.new { include Workflow::Urls; include Rails.application.routes.url_helpers; def default_url_options = { host: "app.example" } }
        .new.workflow_url_for(signup, :activate, expires_in: 60)
      renew = -> { post(short, { renew: "1" }) }
      puts renew.call
      travel 61
      puts get(short), get(short).body.include?("Send me a new link"), post(short), signup.workflow.waiting_for?(:activate)
      puts Array.new(4) { Thread.new { renew.call } }.map { |thread| thread.value.to_s }.sort, renew.call
      work_until { letters.size == 2 }
      travel 61
      puts renew.call
      work_until { letters.size == 3 }
      puts get(link), letters.last.to

      travel 3 * 86_400
      puts get(link), post(link), get(link).body.include?("Send me a new link"), post(link, { renew: "1" })
      work_until { signup.workflow.expired? }
      puts get(link), post(link), kinds(signup)[:input_accepted].inspect, letters.size
    RUBY

    expect(said.lines(chomp: true)).to eq [ "422 Please confirm", "410 This link has expired", "true", "410 This link has expired", "true",
      "202 A new link is on its way", *[ "429 Please wait a little" ] * 4, "202 A new link is on its way", "200 Please confirm", "a@example.org",
      *[ "410 This link has expired" ] * 2, "false", "410 This link has expired", *[ "410 This link has expired" ] * 2, "nil", "3" ]
  end

  it "sends a new link in the language and the time zone that the run was started in, whoever asks for it" do
    said = visit(<<~'RUBY')
      I18n.available_locales = %i[en de fr]
      signup = I18n.with_locale(:de) { Time.use_zone("Tokyo") { start } }
      token = Workflow::Link.make(signup, :activate, expires_in: 1)
      travel 61
      Signup.define_method(:send_link) { puts [ I18n.locale, Time.zone.name ].join(" ") or SignupMailer.activation(self).deliver_now }
      I18n.with_locale(:fr) { post(with_token(token), { renew: "1" }) }
      work_until { letters.size == 2 }
    RUBY

    expect(said).to eq "de Tokyo\n"
  end

  it "reads times in the zone that the run was started in, and in the application's where it has none" do
    said = visit(<<~'RUBY', model: <<~MODEL)
      at = { input: { at: "2026-07-01T09:30" } }
      took = ->(signup) { post(link, at).status.to_s + " " + signup.workflow.input(:activate)[:at].utc.iso8601 }
      tokyo = Time.use_zone("Tokyo") { start }
      puts took.(tokyo), Time.zone.name
      puts Time.use_zone("Hawaii") { took.(start) }
      Time.zone = "Hawaii"
      puts took.(Time.use_zone(Time.zone_default) { start })
      gone = Time.use_zone("Tokyo") { start }
      Time.define_singleton_method(:find_zone) { |name| nil }
      puts took.(gone), Time.zone.name
    RUBY
      class Signup < ActiveRecord::Base
        include Workflow
        workflow { now :send_link; await :activate, by: :link, fields: { at: Time, count: [ Integer, nil ] } }
        def send_link = SignupMailer.activation(self).deliver_now
        def activate(at:, count:) = nil
      end
    MODEL

    expect(said.lines(chomp: true)).to eq [ "303 2026-07-01T00:30:00Z", "UTC", "303 2026-07-01T19:30:00Z", "303 2026-07-01T09:30:00Z", "303 2026-07-01T09:30:00Z", "Hawaii" ]
  end

  describe "in the locales of the application" do
    let(:words) { <<~'RUBY' }
      I18n.available_locales = %i[en de fr]
      I18n.backend.store_translations(:de, workflow: { links: { open_title: "Bitte bestätigen", used_title: "Bestätigt" } })
      I18n.backend.store_translations(:fr, workflow: { links: { open_title: "Confirmez", used_title: "Confirmé", unknown_title: "Rien" } })
      def lang(page) = "#{page.status} #{page.body[/<html lang="(.*?)"/, 1]} #{page.title}"
      Signup.define_method(:activate) { puts "submitted in #{I18n.locale}" }
    RUBY

    it "speaks that of the run, in any browser, or that of its address" do
      said = visit(words + <<~'RUBY')
        I18n.with_locale(:de) { start }
        puts lang(get(link)), lang(get("#{link}&locale=fr")), lang(get("#{link}&locale=en"))
        I18n.with_locale(:fr) { puts lang(get(link)) }
        puts post("#{link}&locale=fr").status, lang(get(link))

        alone = with_token(Workflow::Link.make(I18n.with_locale(:de) { start }, :activate))
        page = post("#{alone}&locale=fr")
        puts page.status, lang(get(page.headers["Location"])), lang(get(alone))
        start
        I18n.with_locale(:fr) { puts lang(get(link)), post(link), I18n.locale }
        puts lang(get(with_token("x"))), lang(get("#{with_token("x")}&locale=fr"))
      RUBY

      expect(said.lines(chomp: true)).to eq [ "200 de Bitte bestätigen", "200 fr Confirmez", "200 en Please confirm", "200 de Bitte bestätigen",
        "submitted in fr", "303", "200 de Bestätigt", "submitted in fr", "303", "200 fr Confirmé", "200 de Bestätigt",
        "submitted in en", "200 en Please confirm", "303 http://app.example/signups/3", "fr", "404 en There is nothing here", "404 fr Rien" ]
    end

    it "speaks its own, whatever else somebody has put into the address" do
      said = visit(words + <<~'RUBY')
        I18n.with_locale(:de) { start }
        hostile = [ "xx", "", "%FF", "../de", "de%00", "[]=fr", "[a]=fr", "[", "%F0%9F%92%A9", "f" * 10_000 ].map { |text| text.start_with?("[") ? "locale#{text}" : "locale=#{text}" }
        puts hostile.map { |text| lang(get("#{link}&#{text}")) }.tally, lang(get(link, "HTTP_ACCEPT_LANGUAGE" => "fr"))
        page = post("#{link.sub("?", "?locale=<b>&")}", { locale: "yy" })
        puts page, I18n.available_locales.inspect
        I18n.with_locale(:fr) { start }
        I18n.available_locales = %i[en de]
        puts lang(get(link))
      RUBY

      expect(said.lines(chomp: true)).to eq [ { "200 de Bitte bestätigen" => 10 }.to_s, "200 de Bitte bestätigen", "submitted in de", "303 http://app.example/signups/1",
        "[:en, :de, :fr]", "200 en Please confirm" ]
      expect(File.readlines("#{@directory}/log/test.log").grep(/\A[EF], /)).to eq []
    end

    it "leaves that to a controller of the application's own" do
      said = visit(words + <<~'RUBY', files: { "config/routes.rb" => <<~ROUTES, "config/initializers/own.rb" => "Workflow.configure { |config| config.link_path = nil }\n", "app/controllers/own_controller.rb" => <<~OWN })
        I18n.with_locale(:de) { start }
        puts lang(get("#{link}&locale=de"))
      RUBY
        Rails.application.routes.draw do
          resources :signups, only: :show
          resource :workflow_link, only: %i[show create], controller: "own"
        end
      ROUTES
        class OwnController < ActionController::Base
          include Workflow::LinkPages
          layout "workflow/link"
          around_action { |_, action| I18n.with_locale(:fr, &action) }
        end
      OWN

      expect(said).to eq "200 fr Confirmez\n"
    end
  end

  it "sends ten new links at most" do
    said = visit(<<~'RUBY')
      signup = start
      token = Workflow::Link.make(signup, :activate, expires_in: 1)
      travel 2
      said = Array.new(12) { travel(61); post(with_token(token), { renew: "1" }).status }
      puts said.tally
    RUBY

    expect(said).to eq "{202=>10, 429=>2}\n"
  end

  it "opens with the secrets that the application rotates, and with no others" do
    visit("start; File.write('link', link)", SECRET: "a" * 64)
    open = "puts get(File.read('link'))"

    expect(visit(open, SECRET: "b" * 64, OLD_SECRET: "a" * 64)).to eq "200 Please confirm\n"
    expect(visit(open, SECRET: "b" * 64)).to eq "404 There is nothing here\n"
    expect(visit(open.sub("get", "post"), SECRET: "b" * 64, OLD_SECRET: "a" * 64)).to start_with "303 "
  end

  it "shows why an input was rejected, and lets nobody write on the page" do
    said = visit(<<~'RUBY')
      start("rejected@example.org")
      page = post(link)
      puts page, page.errors
      page = get(link)
      puts page.headers.values_at("cache-control", "referrer-policy", "x-robots-tag"), page.headers["content-security-policy"]
      style = page.body[/<style>(.*?)<\/style>/m, 1]
      puts page.headers["content-security-policy"].include?("'sha256-#{Digest::SHA256.base64digest(style)}'"), page.body.match?(/<script|style=|onclick/)
    RUBY

    expect(said.lines(chomp: true)).to match [ "422 Please confirm", %(<ul class="errors" role="alert"><li>Not &lt;b&gt;you&lt;/b&gt;.</li></ul>), "no-store", "same-origin",
      "noindex, nofollow", /\Adefault-src 'none'; style-src 'sha256-\S+'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'\z/, "true", "false" ]
  end

  # The page of an await with fields, and forms that are posted to it.
  def with_fields(code)
    model = LinkApplication::MODEL.sub("by: :link,", "by: :link, fields: { tags: Array, more: Hash, name: String },")
    visit(<<~'RUBY' + code, model: model.sub("def activate =", "def activate(**input) = (puts input.to_json) ||")).lines(chomp: true)
      form = ->(text) { post(link, "rack.input" => StringIO.new(text), "CONTENT_TYPE" => "application/x-www-form-urlencoded") }
      start
    RUBY
  end

  it "takes text in lists and names of values as in any field, and bytes that are none in no value" do
    said = with_fields(<<~'RUBY')
      page = form.("input[tags][]=%FF&input[more][a]=%FF&input[name]=%FF")
      puts page, page.errors, get("#{link}&a[b][]=%FF")
      puts form.("input[tags][]=%C3%A9&input[more][%C3%BC]=%C3%A9&input[name]=%C3%A9")
    RUBY

    expect(said).to eq [ "422 Please confirm",
      %(<ul class="errors" role="alert"><li>Tags must be a list</li><li>More must be names and values</li><li>Name must be text</li></ul>),
      "200 Please confirm", %({"tags":["é"],"more":{"ü":"é"},"name":"é"}), "303 http://app.example/signups/1" ]
  end

  it "takes what is no request for one that says nothing" do
    said = visit(<<~'RUBY', API_ONLY: "1")
      start
      parts = ->(count, more = "") { Array.new(count) { |index| "--y\r\nContent-Disposition: form-data; name=\"a#{index}\"#{more}\r\n\r\nhi\r\n" }.join + "--y--\r\n" }
      multipart = ->(body, boundary = "y") { { input: body, "CONTENT_TYPE" => "multipart/form-data; boundary=#{boundary}" } }
      [ link, with_token("nope") ].each do |address|
        puts get(address, "HTTP_ACCEPT" => "a/b{{,../..")
        [ parts.(5000), parts.(200, '; filename="x"') ].each { |body| puts ask("POST", "#{address}&renew=1", multipart.(body)) }
        puts ask("POST", "#{address}&renew=1", multipart.("--y--", "y" * 100))
        puts ask("POST", "#{address}&renew=1", { input: "renew=1", "CONTENT_TYPE" => "x" })
      end
    RUBY

    expect(said.lines(chomp: true)).to eq [ "200 Please confirm", *[ "422 Please confirm" ] * 4, *[ "404 There is nothing here" ] * 5 ]
    expect(File.readlines("#{@directory}/log/test.log").grep(/\A[EF], /)).to eq []
  end

  # From 8.1 on Rails reads nothing of a request with such a name.
  it "takes names that are no text for names, or the request for none" do
    said = with_fields(<<~'RUBY')
      puts form.("input[%FF]=1&%FF=1"), get("#{link}&%FF=1&a[%FF][]=%FF")
      puts form.("input[tags][]=a&input[more][%FF]=1&input[name]=b")
    RUBY

    taken = [ "422 Please confirm", "200 Please confirm", %({"tags":["a"],"more":{"\uFFFD":"1"},"name":"b"}), "303 http://app.example/signups/1" ]
    expect(said).to eq(Gem.loaded_specs.fetch("railties").version < Gem::Version.new("8.1") ? taken : [ "422 Please confirm", "404 There is nothing here", "422 Please confirm" ])
  end

  it "shows the button to whom another site has sent" do
    said = visit(<<~'RUBY')
      signup = start
      puts post(link, "HTTP_SEC_FETCH_SITE" => "cross-site"), signup.workflow.waiting_for?(:activate)
      puts post(link, "HTTP_SEC_FETCH_SITE" => "same-origin")
    RUBY

    expect(said.lines(chomp: true)).to eq [ "403 Please confirm", "true", "303 http://app.example/signups/1" ]
  end

  it "has no new link sent to whom another site has sent" do
    said = visit(<<~'RUBY')
      start
      old = link
      travel(4 * 86_400)
      puts post(old, { renew: 1 }, "HTTP_SEC_FETCH_SITE" => "cross-site"), letters.size
    RUBY

    expect(said.lines(chomp: true)).to eq [ "403 This link has expired", "1" ]
  end

  it "has fields of any name that forms do not need themselves" do
    said = visit(<<~'RUBY', model: LinkApplication::MODEL.sub("by: :link", "by: :link, fields: { type: String, names: [ String, nil ], choices: String, class: String }").sub(/def activate.*/, "def activate(**given) = nil"))
      signup = start
      puts get(link), post(link, { input: { type: "a", choices: "b" } }).body[/<input[^>]*choices[^>]*>/]
      puts post(link, { input: { type: "a", choices: "b", class: "c" } }).to_s[0, 4]
    RUBY

    expect(said.lines(chomp: true)).to match [ "200 Please confirm", /value="b"/, "303 " ]
  end

  it "leads to what is to be said before its turn, on hold, and after it is over otherwise" do
    said = visit(<<~'RUBY', model: LinkApplication::MODEL.sub("now   :send_link", "now :send_link; later :wait_here").sub("def onboard", "def wait_here; end; def onboard"))
      signup = start
      puts get(link), post(link)
      signup.now(:wait_here)
      puts get(link)
      signup.workflow.pause
      puts get(link), post(link)
      signup.workflow.resume
      puts get(link), post(link), get(link)

      signup.workflow.retry(from: :activate)
      old = link
      puts get(old), post(old), get(old).body.include?("Send me a new link"), signup.workflow.waiting_for?(:activate)
      puts get(with_token(Workflow::Link.make(signup, :activate)))

      other = start
      other.now(:wait_here)
      other.workflow.skip(:activate)
      puts get(link), post(link)
      start.workflow.cancel
      puts get(link), post(link)
      start.destroy
      puts get(link), post(link)
    RUBY

    soon, open, expired, closed = "200 One moment", "200 Please confirm", "410 This link has expired", "410 This link is no longer valid"
    expect(said.lines(chomp: true)).to eq [ soon, "409 One moment", open, soon, "409 One moment", open, "303 http://app.example/signups/1", "200 Confirmed",
      expired, expired, "true", "true", open, *[ closed ] * 6 ]
  end

  it "keeps an input that comes early, where the await takes one" do
    model = LinkApplication::MODEL.sub("now   :send_link", "now :send_link; later :wait_here").sub("def onboard", "def wait_here; end; def onboard")
      .sub("by: :link", "by: :link, early: true")
    said = visit(<<~'RUBY', model: model)
      signup = start
      puts get(link), post(link), post(link).status, get(link), signup.workflow.step(:activate).kept?
      signup.now(:wait_here)
      work_until { signup.workflow.done? }
      puts get(link), kinds(signup)[:input_kept]
    RUBY

    expect(said.lines(chomp: true)).to eq [ "200 Please confirm", "303 http://app.example/signups/1", "303", "200 Confirmed", "true", "200 Confirmed", "1" ]
  end

  it "asks for the fields, of nothing else, and keeps what was typed" do
    model = LinkApplication::MODEL.sub("by: :link,", "by: :link, fields: { name: String, seats: Integer, size: [ 's', 'm', nil ], news: :boolean, day: [ Date, nil ] },")
      .sub("def activate = ", "def activate(**input) = (self.class.class_eval { @input = input }) && ")
    said = visit(<<~'RUBY', model: model)
      signup = start
      puts get(link).body.gsub(' autocomplete="off"', "").scan(/<(?:input|select|option|button)[^>]*>/) # which Rails 8.1 does without
      page = post(link, { input: { name: %("><script>alert(1)</script>), seats: "many", size: "xl", news: "1", email: "x", workflow_token: "x" } })
      puts page, page.errors.scan(/<li>(.*?)<\/li>/).flatten.inspect, page.body[/<input[^>]*input_name[^>]*>/], page.body.include?("<script")
      [ { input: "x" }, { input: { name: { a: 1 }, seats: [ 1 ] } } ].each { |params| puts post(link, params) }
      puts post("#{link}&input[name]=%FF%00&input[seats]=1")
      puts post(link, { input: { name: "Ada", seats: "2", size: "", news: "0", day: "2026-12-31" } }), Signup.instance_variable_get(:@input)
    RUBY

    text = "&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"
    expect(said.lines(chomp: true)).to eq [
      '<input required="required" type="text" name="input[name]" id="input_name" />', '<input required="required" type="number" name="input[seats]" id="input_seats" />',
      '<select name="input[size]" id="input_size">', '<option value="" label=" ">', '<option value="s">', '<option value="m">',
      '<input name="input[news]" type="hidden" value="0" />', '<input type="checkbox" value="1" name="input[news]" id="input_news" />',
      '<input type="date" name="input[day]" id="input_day" />', '<button name="button" type="submit">',
      "422 Please confirm", '["Seats must be a whole number", "Size must be s or m"]',
      %(<input required="required" type="text" value="#{text}" name="input[name]" id="input_name" />), "false",
      *[ "422 Please confirm" ] * 3, "303 http://app.example/signups/1", '{:name=>"Ada", :seats=>2, :size=>nil, :news=>false, :day=>Thu, 31 Dec 2026}'
    ]
  end

  it "has the application's layout and words where there are some" do
    said = visit(<<~'RUBY', files: {
      signup = start
      puts get(link).body, get(link).headers["content-security-policy"].inspect
      post(link)
      puts get(link).body
    RUBY
      "app/views/layouts/workflow/link.html.erb" => "Ours: <%= content_for(:title) %>: <%= yield %>",
      "app/views/signups/workflow/_activate_link_open.html.erb" => "Dear <%= signup.email %> <%= workflow.state %> <%= workflow_link_form(link, submission) { |form| form.submit 'Yes' } %>",
      "config/locales/en.yml" => "en: {workflow: {links: {used_title: Thanks <3}}}"
    })

    expect(said.lines(chomp: true).reject(&:empty?)).to eq [
      'Ours: Please confirm: Dear a@example.org waiting <form accept-charset="UTF-8" method="post">' \
        '<input type="submit" name="commit" value="Yes" data-disable-with="Yes" /></form>', "nil",
      "Ours: Thanks &lt;3: <h1>Thanks &lt;3</h1>", "<p>This is done. There is nothing more for you to do.</p>", '<p><a href="/signups/1">Go on</a></p>'
    ]
  end

  it "can be a controller of the application's own, whose other actions stay as they are" do
    said = visit(<<~'RUBY', files: {
      signup = start
      puts link[/.*(?==)/], get(link).body, post(link), get("http://app.example/workflow/link?workflow_token=#{token}")
      p get("http://app.example/confirm/other").headers["Referrer-Policy"], post("http://app.example/confirm/other").status
    RUBY
      "config/initializers/workflow.rb" => "Workflow.configure { |config| config.link_path = nil }",
      "config/routes.rb" => <<~RUBY,
        Rails.application.routes.draw do
          resources :signups, only: :show
          resource :workflow_link, only: %i[show create], path: "confirm", controller: "confirmations"
          match "confirm/other", to: "confirmations#other", via: :all
          match "*rest", to: ->(_) { [ 404, {}, [ "the application's own" ] ] }, via: :all
        end
      RUBY
      "app/controllers/confirmations_controller.rb" => <<~RUBY,
        class ConfirmationsController < ActionController::Base
          before_action { @who = "us" }
          protect_from_forgery with: :exception
          include Workflow::LinkPages
          layout -> { "ours" }
          def other = head(:ok)
          private def workflow_link_accepted(link) = redirect_to("/thanks/\#{link.subject.id}")
        end
      RUBY
      "app/views/layouts/ours.html.erb" => "<%= @who %>: <%= yield(:title) %>"
    })

    expect(said.lines(chomp: true)).to eq [ "http://app.example/confirm?workflow_token", "us: Please confirm", "302 http://app.example/thanks/1", "404 the application's own",
      '"strict-origin-when-cross-origin"', "422" ]
  end
end
