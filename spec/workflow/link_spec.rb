# frozen_string_literal: true

require_relative "link_application"

RSpec.describe "Workflow::Link" do
  include LinkApplication

  it "is found by a page of the application's own, for that await, class and relation, while it is good" do
    said = visit(<<~'RUBY', files: { "app/models/other.rb" => LinkApplication::MODEL.sub("Signup <", "Other <").sub("include Workflow", "include Workflow; self.table_name = 'signups'") })
      class Special < Signup; end
      signup = start
      find = ->(among = Signup, await = :activate, text = token) { among.find_by_workflow_token(await, text)&.email.inspect }
      puts find.(), find.(Signup.where(email: "a@example.org")), find.(Signup.where(email: "b")), find.(Other), find.(Special), find.(Signup, :onboard), find.(Signup, "activate")
      puts [ nil, "", "x", 5, [], {}, token.next, "\xFF", "\0" ].map { |text| find.(Signup, :activate, text) }.uniq
      puts signup.submit(:activate).accepted?, find.()
      signup.workflow.retry(from: :activate)
      puts find.(), find.(Signup, :activate, Workflow::Link.make(signup, :activate))
      start
      travel 3 * 86_400
      puts find.()
      begin
        Signup.find_by_workflow_token(5, token)
      rescue ArgumentError => error
        puts error.message
      end
    RUBY

    mine = '"a@example.org"'
    expect(said.lines(chomp: true)).to eq [ mine, mine, "nil", "nil", "nil", "nil", mine, "nil", "true", mine, "nil", mine, "nil",
      "find_by_workflow_token takes the name of an await, as a symbol, not 5" ]
  end

  it "leads nowhere but into the application" do
    said = visit(<<~'RUBY')
      signup = start
      addresses = [ "http://app.example/a?b=1#c", "/a/b", "//evil.example/x", "http://evil.example//evil.example", "javascript:alert(1)", "http://evil.example", nil ]
      begin
        Workflow::Link.make(signup, :activate, to: "/x?#{"a" * 3100}")
      rescue ArgumentError => error
        puts error.message
      end
      p addresses.map { |address| Workflow::Link.find(Workflow::Link.make(signup, :activate, to: address)).path }
      begin
        Workflow::Link.make(signup, :activate, to: "/\\evil.example")
      rescue URI::InvalidURIError
        puts "refused"
      end
    RUBY

    expect(said.lines(chomp: true)).to match [ /\Aa link of 4\d{3} bytes is too long, 4096 is the most/, '["/a?b=1", "/a/b", "/x", "/evil.example", "/", "/", nil]', "refused" ]
  end

  it "is good as long as its await is, and thirty days where that has no end" do
    said = visit(<<~'RUBY', model: LinkApplication::MODEL.sub("expires_in: 3.days, otherwise: :expire, ", "").sub("now   :send_link", "now :send_link; later :wait_here").sub("def onboard", "def wait_here; end; def onboard"))
      signup = start("before@example.org")
      early = with_token(Workflow::Link.make(signup, :activate))
      travel 29 * 86_400
      signup.now(:wait_here)
      late = with_token(Workflow::Link.make(signup, :activate))
      puts get(early)
      travel 2 * 86_400
      puts get(early), get(late)
      travel 29 * 86_400
      puts get(late), signup.workflow.state
    RUBY

    open, over = "200 Please confirm", "410 This link has expired"
    expect(said.lines(chomp: true)).to eq [ open, over, open, over, "waiting" ]
  end

  it "is refused where there is nothing to link to, with the reason" do
    said = visit(<<~'RUBY', model: LinkApplication::MODEL.sub("later :onboard", "await :onboard").sub("await :activate", "await :approve; await :activate"))
      try = ->(object, await) { Workflow::Link.make(object, await) && puts("made") rescue puts("#{$!.class}: #{$!.message}") }
      signup = start("before@example.org")
      try.(signup, :onboard); try.(signup, :activat); try.(signup, 5); try.(Signup.new, :activate); try.(Signup.create!(email: "x"), :activate)
      try.(signup, :activate); try.(signup.workflow, :activate)
      [ 0, -1, "60", 1e12 ].each { |time| Workflow::Link.make(signup, :activate, expires_in: time) && puts("made") rescue puts("#{$!.class}: #{$!.message}") }
    RUBY

    expect(said.lines(chomp: true)).to match [
      %r{\AWorkflow::DefinitionError: \S+/app/models/signup.rb:6: await :onboard takes no links. Write await :onboard, by: :link.\z},
      "Workflow::DefinitionError: Signup has no await :activat in a workflow. Did you mean activate?",
      "ArgumentError: workflow_url_for takes the name of an await, as a symbol, not 5",
      *[ "Workflow::NotWaiting: Signup: no run with the await activate has started, so that there is nothing to send. Start it first." ] * 2, "made", "made",
      *[ "0", "-1", '"60"', "1000000000000.0" ].map { |time| "ArgumentError: expires_in: must be a duration in seconds, more than 0 and at most ten years, not #{time}" }
    ]
  end

  it "explains itself without Rails" do
    define("Order") { include Workflow; workflow { await :confirm, by: :link } }
    order = Order.new.tap(&:start)

    expect { Workflow::Link.make(order, :confirm) }.to raise_error(Workflow::DefinitionError, /by: :link needs a Rails application/)
    expect(order.submit(:confirm)).to be_accepted
  end
end
