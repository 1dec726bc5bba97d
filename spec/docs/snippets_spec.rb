# frozen_string_literal: true

# The Ruby in README.md and docs/ is run as it stands there, each piece with the surroundings that its readers have in mind.
# Where a line ends in "# => value", that is what it gives.
RSpec.describe "The Ruby of the documentation", :records do
  const_set(:ROOT, File.expand_path("../..", __dir__))
  def self.snippets(path)
    heading = nil
    code = nil
    File.readlines(File.join(self::ROOT, path), chomp: true).each_with_object([]) do |line, found|
      if code && line == "```" then found << [ path, heading, code.join("\n") ] and code = nil
      elsif code then code << line
      elsif line == "```ruby" then code = []
      elsif line.start_with?("#") then heading = line.sub(/\A#+ /, "")
      end
    end
  end

  # What each needs around it, and what is to be seen after it, by file and heading; several under one heading in order.
  surroundings = Hash.new { |all, key| all[key] = [] }
  define_singleton_method(:around_snippet) { |path, heading, &block| surroundings[[ path, heading ]] << block }

  before(:all) { require "action_controller" }

  before do
    Workflow.configuration.lease = 15
    stub_const("ApplicationRecord", Class.new(ActiveRecord::Base) { self.abstract_class = true })
  end

  def record(name, table, &columns)
    table(table, "Unused", &columns)
    define(name, ApplicationRecord) { self.table_name = table.to_s }
  end

  # A method for each name that does nothing.
  def idle(klass, *names) = names.each { |name| klass.define_method(name) { nil } }

  def mailer(name, *letters)
    define(name) { letters.each { |letter| define_singleton_method(letter) { |*| Struct.new(:deliver_now).new } } }
  end

  def signups
    record("Account", :accounts) { |t| t.string :email }.class_eval do
      has_many :orders
      def activate(code) = code == "1"
      def onboard! = nil
    end
    mailer("SignupMailer", :activation)
    record("Signup", :signups) { |t| t.string :email; t.belongs_to :account }
  end

  def orders(**options, &block)
    signups
    klass = record("Order", :orders) { |t| t.string :plan; t.string :region; t.belongs_to :account }
    klass.belongs_to :account
    klass.include(Workflow) if block
    idle(klass, *klass.workflow(**options, &block).steps.map(&:name)) if block
    klass
  end

  def account = @account ||= Account.create!(email: "a@example.org")
  def order = @order ||= Order.create!(plan: "pro", region: "eu", account: account)
  def params = ActionController::Parameters.new(code: "1", input: { code: "1" }, signup: { email: "b@example.org", admin: true })
  def gem(*, **) = nil
  def done(run) = eventually("it is done: #{run.reload.inspect}") { run.reload.done? }

  around_snippet("README.md", "workflow") do |code|
    signups
    run code
    work
    signup = Signup.start(email: "b@example.org")
    eventually("it waits") { signup.workflow.waiting_for?(:activate) }
    expect(signup.submit(:activate, code: "2").errors.full_messages).to eq [ "That code is not the one we sent." ]
    signup.submit!(:activate, code: "1")
    done signup.workflow
  end

  around_snippet("README.md", "workflow") do |code|
    signups
    run self.class.snippets("README.md").first.last
    run code
    expect(@signup.workflow.steps.map(&:state)).to eq %i[completed ready pending pending]
  end

  around_snippet("README.md", "Use it in your app") { |code| run code }

  around_snippet("README.md", "In ten minutes") do |code|
    stub_const("ApplicationController", Class.new(ActionController::Base) { skip_forgery_protection && define_method(:url_for) { |signup| "/signups/#{signup.id}" } })
    record("Signup", :signups) { |t| t.string :email }.class_eval do
      include Workflow
      workflow { now :create_account; later :send_link, retries: 5; await :activate; later :onboard }
    end
    idle(Signup, :create_account, :send_link, :activate, :onboard)
    run code
    call = ->(action, query) { SignupsController.action(action).call(Rack::MockRequest.env_for("/?#{query}", method: "POST")) }
    expect(call.(:create, "signup[email]=b@example.org").first).to eq 302
    work
    signup = Signup.last
    eventually("it waits") { signup.workflow.waiting_for?(:activate) }
    expect(call.(:submit, "id=#{signup.id}").first).to eq 302
    done signup.workflow
  ensure
    Object.__send__(:remove_const, :SignupsController) if Object.const_defined?(:SignupsController)
  end

  around_snippet("README.md", "Without Rails") do |code|
    run code
    Reindex.start
    expect { work && eventually("it is done") { Reindex.workflows.done.count == 1 } }.to output("collecting\npublishing\n").to_stdout
  ensure
    Object.__send__(:remove_const, :Reindex) if Object.const_defined?(:Reindex)
  end

  around_snippet("README.md", "Branches, conditions, delays") do |code|
    orders
    run code
    idle(Order, :reserve, :charge, :pack, :notify_warehouse, :digital?, :ask_for_review, :close_books)
    work
    order.start
    eventually("it asks") { order.workflow.waiting_for?(:call_back) }
    expect(order.submit(:call_back, at: "tomorrow").errors[:at]).not_to be_empty
    order.submit!(:confirm, code: "x")
    eventually("it is delayed") { order.workflow.scheduled? }
  end

  around_snippet("README.md", "Steps that fail, hang, or take long") do |code|
    record("Page", :pages) { |t| t.integer :number; t.belongs_to :import }.class_eval { def read = nil }
    record("Import", :imports) { |t| t.string :name }
    run code
    idle(Import, :fetch, :pay_author)
    import = Import.create!
    1.upto(150) { |number| import.pages.create!(number: number) }
    import.start
    work
    done import.workflow
    expect(import.workflow.step(:read_pages).progress).to have_attributes(percent: 100, cursor: import.pages.maximum(:id))
    expect(import.workflow.events.map(&:kind)).to include(:noted).and(include(:progressed))
  end

  around_snippet("README.md", "Awaits that expire, remind, or are answered early") do |code|
    record("Payment", :payments) { |t| t.string :code }
    mailer("InvoiceMailer", :please_confirm)
    run code
    idle(Payment, :send_invoice, :chase, :ship)
    payment = Payment.start(code: "4711")
    expect(payment.submit(:confirm, code: "4711")).to be_accepted.and(be_kept)
    work
    done payment.workflow
  end

  around_snippet("README.md", "Methods that are no steps") do |code|
    define("Reindex") { def rebuild(*arguments) = arguments }
    run code
    work
    eventually("both are done") { Workflow::Run.of(Reindex.new("books"), :call).done? && Reindex.workflows.done.count == 3 }
  end

  around_snippet("README.md", "Links in mails, and forms") do |code|
    record("Invitation", :invitations) { |t| t.string :email }
    mailer("InvitationMailer", :please_accept)
    run code
    idle(Invitation, :welcome)
    work
    invitation = Invitation.start
    eventually("it waits") { invitation.workflow.waiting_for?(:accept) }
    expect(Invitation.workflow.step(:accept)).to have_attributes(by: :link, renew: :send_link)
  end

  around_snippet("README.md", "Cancel, pause, resume, skip") do |code|
    orders { later :charge; later :ask_for_review }
    order.start
    run code
    expect(order.workflow).to have_attributes(state: :cancelled, reason: "the customer called")
    expect(order.workflow.step(:ask_for_review)).to be_skipped
  end

  around_snippet("README.md", "Find runs") do |code|
    orders(tags: -> { { plan: plan } }) { later :charge; await :confirm }
    order.start
    expect { run code }.to output("#{order.id}\nrunning\n").to_stdout
    expect(@orders.first.workflow).to be_running
  end

  around_snippet("README.md", "Find runs") do |code|
    idle orders, :charge, :confirm
    run code
    expect(Order.workflows.tagged(campaign: "spring").count).to eq 1
  end

  around_snippet("README.md", "Find runs") do |code|
    record("Order", :orders) do |t|
      %i[region workflow_state workflow_step workflow_run_id].each { |name| t.string name }
      t.integer :workflow_version
      t.datetime :created_at
    end
    Object.class_eval(code)
    idle Order, :charge
    order = Order.create!(region: "eu")
    order.start
    work
    eventually("the columns say that it waits") { Order.where(workflow_state: "waiting", region: "eu").order(:created_at) == [ order ] }
  end

  around_snippet("README.md", "Changing a workflow that has open runs") do |code|
    signups.include(Workflow)
    Signup.class_eval(code)
    expect(Signup.workflow.steps.map(&:name)).to eq %i[create_account mail_link activate]
  end

  around_snippet("README.md", "Changing a workflow that has open runs") do |code|
    orders { later :count_stock; later :charge }
    order.start.pause
    other = Order.create!.start.skip(:count_stock).pause
    run code
    expect(order.workflow).to be_running
    expect(order.workflow.step(:count_stock)).to be_skipped
    expect(other.reload).to be_paused
  end

  around_snippet("README.md", "Configuration") do |code|
    run code
    expect(Workflow.configuration.health).to eq "127.0.0.1:7001"
  ensure
    Workflow.configure { |config| config.health = nil }
  end

  around_snippet("docs/testing.md", "Tests of processes") do |code|
    signups
    Account.define_method(:activate) { |code| code == "right" }
    run self.class.snippets("README.md").first.last
    run code
  end

  around_snippet("docs/steps.md", "Telling how far it is") do |code|
    define("Mailing") { }
    run code
    mailing = Mailing.new(%w[a b c]).tap(&:start)
    expect { work && done(mailing.workflow) }.to output("a\nb\nc\n").to_stdout
    expect(mailing.workflow.step(:deliver).progress.to_s).to eq "3 of 3: sending"
  end

  around_snippet("docs/steps.md", "Inputs") do |code|
    payment = record("Payment", :payments) { |t| t.string :code }.class_eval do
      include Workflow
      workflow { await :confirm }
      def confirm(code:) = (reject "no" unless code == "4711")
      start
    end
    define_singleton_method(:payment) { payment }
    run code
  end

  around_snippet("docs/links.md", "Links, codes, their pages, and forms") do |code|
    invitation = record("Invitation", :invitations) { |t| t.string :email }
    invitation.include(Workflow)
    invitation.workflow { instance_eval(code) }
    expect(invitation.workflow.step(:accept)).to have_attributes(by: :link, renew: :send_link)
  end

  around_snippet("docs/links.md", "Words and looks of your own") do |code|
    record("Invitation", :invitations) { |t| t.string :email }.include(Workflow)
    Invitation.workflow { await :accept, by: :link }
    run code
    answer = AcceptancesController.action(:create).call(Rack::MockRequest.env_for("/?workflow_token=forged", method: "POST"))
    expect(answer.first).to eq 404
  end

  around_snippet("docs/links.md", "Codes") do |code|
    invitation = record("Invitation", :invitations) { |t| t.string :email }
    invitation.include(Workflow)
    invitation.workflow { instance_eval(code) }
    expect(invitation.workflow.step(:accept)).to have_attributes(by: :code, renew: :send_code)
  end

  around_snippet("docs/links.md", "Forms") do |code|
    orders { await :confirm, fields: { code: String } }.remove_method(:confirm)
    order.start
    @order = order
    def redirect_to(*) = "redirected"
    run code
    expect(create).to eq "redirected"
    expect(order.workflow.input(:confirm)).to eq(code: "1")
  end

  around_snippet("docs/live.md", "How it stays true") do |code|
    stub_const("ApplicationController", Class.new(ActionController::Base))
    run code
    OrdersController.define_method(:show) { render plain: ActiveRecord::Base.current_role }
    answer = ActiveRecord::Base.connected_to(role: :reading) { OrdersController.action(:show).call(Rack::MockRequest.env_for("/")) }
    expect(answer.last.each.to_a).to eq [ "writing" ]
  end

  around_snippet("docs/live.md", "Settings") do |code|
    before = Workflow.configuration
    Workflow.instance_variable_set(:@configuration, Workflow::Configuration.new)
    run code
    expect(Workflow.configuration).to have_attributes(stream_expires_in: 43_200, streams_per_connection: 50, live_path: "/assets/workflow-live", live_script: true)
    user = Struct.new(:id).new(7)
    stub_const("Current", Struct.new(:user).new(Struct.new(:id).new(8)))
    expect(Workflow.configuration.viewer.call(Struct.new(:current_user).new(user))).to eq 7
    expect(Workflow.configuration.viewer.call(Struct.new(:current_user).new(nil))).to be_nil
    expect(Workflow.configuration.viewer.call(Class.new(ActionController::Base).new)).to eq 8
  ensure
    Workflow.instance_variable_set(:@configuration, before)
  end

  # What these set is not to stay.
  def configured
    yield
  ensure
    Workflow.configuration.tap { |c| c.filter_parameters = c.secret_key = nil; c.travels = {}; c.secret_keys = [] }
  end

  around_snippet("docs/context.md", "What travels") do |code|
    stub_const("Current", nil)
    Object.send(:remove_const, :Current)
    configured do
      run code
      expect { Workflow.verify }.not_to raise_error
      expect(Workflow.configuration.travels).to eq("Current" => %i[user tenant])
    end
  end

  2.times do
    around_snippet("docs/context.md", "The key") do |code|
      stub_const("ENV", { "WORKFLOW_SECRET" => "x" * 64, "OLD_SECRET_KEY_BASE" => "y" * 64 })
      configured { run code and expect(Workflow.configuration.secrets).to include("x" * 64).or(include("y" * 64)) }
    end
  end

  around_snippet("docs/operating.md", "Looking into a run") do |code|
    stub_const("CardDeclined", Class.new(StandardError))
    orders { now :charge }.remove_method(:charge)
    Order.define_method(:charge) { raise CardDeclined, "no funds" }
    order.start
    run code
  end

  around_snippet("docs/runs.md", "Runs, steps, events: what can be asked") do |code|
    orders { now :charge; await :confirm }
    order.start
    run code
  end

  around_snippet("docs/operating.md", "The files") do |code|
    orders { now :charge }
    order.start
    run code.sub("storage/production_workflow.sqlite3", Workflow.configuration.path)
  end

  # Runs it here; lines that say what they give are held to it.
  def run(code)
    binding.eval(code.gsub(/^(\S.*?) +# => (.+)$/) { "said((#{$1}), (#{$2}))" }, "documentation", 1)
  end

  def said(value, expected) = expect(value).to(eq(expected))

  %w[README.md docs/install.md docs/steps.md docs/runs.md docs/testing.md docs/links.md docs/live.md docs/context.md docs/operating.md].flat_map { |path| snippets(path) }.group_by { |path, heading,| [ path, heading ] }
    .each do |(path, heading), found|
      found.each_with_index do |(_, _, code), index|
        it "is run: #{path}, #{heading}, #{index + 1}" do
          surrounding = surroundings[[ path, heading ]][index] or raise "#{path} has Ruby under \"#{heading}\" that is not run here. Say what it needs."
          instance_exec(code, &surrounding)
        end
      end
    end
end
