# frozen_string_literal: true

require_relative "link_application"

RSpec.describe "Workflow::Link" do
  include LinkApplication

  it "is found by a page of the application's own, for that await, class and relation, while it is good" do
    said = visit(<<~'RUBY', files: { "app/models/other.rb" => LinkApplication::MODEL.sub("Signup <", "Other <").sub("include Workflow", "include Workflow; self.table_name = 'signups'") })
      class Special < Signup; end
      signup = start
      find = ->(among = Signup, await = :activate, text = token) { among.find_by_workflow_token(await, text)&.email.inspect }
      puts find.(), find.(Signup.where(email: "a@example.org")), find.(Signup.where(email: "b")), find.(Other), find.(Special), find.(Signup, "activate")
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
      [ [ Signup, :activat, token ], [ Signup.all, :activat, nil ], [ Signup, :onboard, token ], [ Class.new(Signup), :activat, "x" ] ].each do |among, await, text|
        among.find_by_workflow_token(await, text)
      rescue Workflow::DefinitionError => error
        puts error.message[/(?<= has no await ).*/]
      end
      other = Class.new(Signup) { workflow(:other) { await :sign; await :approve, by: :link } }
      p Signup.find_by_workflow_token(:approve, "x"), other.find_by_workflow_token(:sign, "x")
    RUBY

    mine = '"a@example.org"'
    expect(said.lines(chomp: true)).to eq [ mine, mine, "nil", "nil", "nil", mine, "nil", "true", mine, "nil", mine, "nil",
      "find_by_workflow_token takes the name of an await, as a symbol, not 5",
      *[ ":activat in a workflow. Did you mean activate?" ] * 2, ":onboard in a workflow.", ":activat in a workflow. Did you mean activate?", "nil", "nil" ]
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

  describe "by which an object was found" do
    it "takes no used link of an earlier run for a later one" do
      said = visit(<<~'RUBY')
        signup = start
        earlier = token
        post(link)
        work_until { signup.workflow.done? }
        travel 400 * 86_400
        signup.start
        found = Signup.find_by_workflow_token(:activate, earlier)
        submission = found.submit(:activate)
        puts submission.accepted?, submission.errors.full_messages, signup.workflow.state
        puts found.clone.submit(:activate).accepted?, Signup.find_by_workflow_token(:activate, token).submit(:activate).accepted?
      RUBY

      expect(said.lines(chomp: true)).to eq [ "false", "activate is already done.", "waiting", "true", "false" ]
    end

    it "submits to its own run where there are several, and to no await of that name in another workflow" do
      said = visit(<<~'RUBY', model: <<~'MODEL')
        signup = Signup.create!(email: "a@example.org")
        runs = [ signup.start(:one), signup.start(:one), signup.start(:two) ]
        tokens = runs.map { |run| Workflow::Link.make(run, :approve) }
        tokens.each { |text| puts Signup.find_by_workflow_token(:approve, text).submit(:approve).run.id == runs[tokens.index(text)].id }
        puts Signup.find_by_workflow_token(:approve, tokens.first).submit(:approve).errors.full_messages
        puts runs.map { |run| run.reload.state }.join(" ")
      RUBY
        class Signup < ActiveRecord::Base
          include Workflow
          workflow(:one, unique: false) { await :approve, by: :link }
          workflow(:two) { await :approve, by: :link }
        end
      MODEL

      expect(said.lines(chomp: true)).to eq [ "true", "true", "true", "approve is already done.", "done done done" ]
    end

    it "keeps it out of JSON, caches and the way of frozen objects" do
      said = visit(<<~'RUBY', files: { "app/models/plain.rb" => <<~'PLAIN', "app/models/still.rb" => <<~'STILL' })
        made = [ Plain.new("a").tap(&:start), Still.new("a").tap(&:start) ]
        found = made.map { |one| one.class.find_by_workflow_token(:approve, Workflow::Link.make(one, :approve)) }
        puts found.first.to_json, Marshal.load(Marshal.dump(found.first)).name, found.map { |one| one.submit(:approve).accepted? }.inspect
        earlier = Workflow::Link.make(made.last, :approve)
        made.last.start
        p Still.find_by_workflow_token(:approve, earlier)
      RUBY
        class Plain
          include Workflow
          remembers :name
          attr_reader :name
          def initialize(name) = (@name = name)
          workflow { await :approve, by: :link }
        end
      PLAIN
        class Still < Plain
          def initialize(name) = super && freeze
        end
      STILL

      expect(said.lines(chomp: true)).to eq [ '{"name":"a","workflow_lead":null}', "a", "[true, true]", "nil" ]
    end
  end

  describe "made in a step" do
    one_run = <<~'MODEL'
      class Signup < ActiveRecord::Base
        include Workflow
        workflow unique: false do
          later :send_link
          await :activate, by: :link, renew: :send_link, remind: { after: 60, with: :send_link }
        end
        def send_link = SignupMailer.activation(self).deliver_now
      end
    MODEL

    it "is for the run of the step, of several open ones, be it a reminder's or what sends a new one" do
      said = visit(<<~'RUBY', model: one_run)
        signup = Signup.create!(email: "a@example.org")
        runs = [ signup.start, signup.start ]
        sent = -> { letters.map { |letter| Workflow::Link.find(letter.body.to_s[/workflow_token=(.*)/, 1]).run_id } }
        work_until { runs.all? { |run| run.reload.waiting? } }
        puts sent.().sort == runs.map(&:id).sort

        letters.clear
        short = with_token(Workflow::Link.make(runs.first, :activate, expires_in: 1))
        travel 2
        puts get(short), post(short, { renew: "1" })
        work_until { letters.any? }
        puts sent.() == [ runs.first.id ]

        letters.clear
        travel 60
        work_until { letters.size == 2 }
        puts sent.().sort == runs.map(&:id).sort
      RUBY

      expect(said.lines(chomp: true)).to eq [ "true", "410 This link has expired", "202 A new link is on its way", "true", "true" ]
    end

    it "is for the workflow of the step, of several with an await of that name" do
      said = visit(<<~'RUBY', model: one_run.sub("workflow unique: false do", "workflow(:one) { await :activate, by: :link }; workflow :two do").sub("later :send_link", "now :send_link"))
        signup = Signup.create!(email: "a@example.org")
        runs = [ signup.start(:one), signup.start(:two) ]
        puts Workflow::Link.find(token).run_id == runs.last.id
      RUBY

      expect(said).to eq "true\n"
    end

    it "is not sent anew for an await whose time is over, though no worker has looked at the clock" do
      said = visit(<<~'RUBY')
        signup = start
        travel 4 * 86_400
        puts signup.workflow.state
        puts (signup.workflow.renew(:activate) rescue "#{$!.class}: #{$!.message}")
      RUBY

      expect(said.lines(chomp: true)).to match [ "waiting", /\AWorkflow::NotWaiting: activate is over since .*: a new one could not be used \(run \w+\)\.\z/ ]
    end
  end

  it "is signed by a verifier that is url_safe, too" do
    said = visit(<<~'RUBY', files: { "config/initializers/verifiers.rb" => "Rails.application.message_verifiers.clear_rotations; Rails.application.message_verifiers.rotate(url_safe: true)" })
      signup = start
      puts (0..8).map { |length| get(with_token(Workflow::Link.make(signup, :activate, to: "/#{"a" * length}"))).status }.uniq
    RUBY

    expect(said).to eq "200\n"
  end

  it "leads to nothing where what a plain object remembers is gone, or cannot make it any more" do
    said = visit(<<~'RUBY', files: { "app/models/confirm.rb" => "class Confirm; include Workflow; remembers :signup; attr_reader :signup; def initialize(signup) = (@signup = signup); workflow { await :approve, by: :link }; end" })
      confirm = Confirm.new(Signup.create!(email: "a")).tap(&:start)
      run = confirm.workflow.id
      address = with_token(Workflow::Link.make(confirm, :approve))
      said = -> { [ get(address), post(address), Confirm.find_by_workflow_token(:approve, address[/=(.*)/, 1]).inspect, (Workflow::Run.new(Workflow.engine.find(run)).subject rescue $!.class) ].map(&:to_s) }
      puts get(address)
      Signup.delete_all
      puts said.().inspect
      class Confirm; def initialize(signup, more) = nil; end
      puts said.().inspect
      Object.send(:remove_const, :Confirm)
      Confirm = Module.new
      puts [ get(address), post(address) ].map(&:to_s).inspect
    RUBY

    closed = "410 This link is no longer valid"
    expect(said.lines(chomp: true)).to eq [ "200 Please confirm", [ closed, closed, "nil", "Workflow::SubjectMissing" ].inspect,
      [ closed, closed, "nil", "Workflow::SubjectMissing" ].inspect, [ closed, closed ].inspect ]
  end

  it "explains itself without Rails" do
    define("Order") { include Workflow; workflow { await :confirm, by: :link } }
    order = Order.new.tap(&:start)

    expect { Workflow::Link.make(order, :confirm) }.to raise_error(Workflow::DefinitionError, /by: :link needs a Rails application/)
    expect(order.submit(:confirm)).to be_accepted
  end
end
