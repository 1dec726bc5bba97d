# frozen_string_literal: true

require_relative "rails_application"

# bin/rails generate workflow NAME step:word …, in an application of a few files.
RSpec.describe "rails generate workflow" do
  include RailsApplication

  environment = RailsApplication::FILES.fetch("config/environment.rb").lines
    .map { |line| line.sub("active_record/railtie", "active_record/railtie rails/test_unit/railtie").sub("config.hosts.clear", "config.hosts.clear\n  config.api_only = !ENV[\"API\"].nil?") }
    .grep_v(/create_table/).join.sub("Rails.application.initialize!\n", "Rails.application.initialize!\nRails.backtrace_cleaner.remove_silencers!\n")
  const_set(:OWN, {
    "config/environment.rb" => environment,
    "app/models/application_record.rb" => "class ApplicationRecord < ActiveRecord::Base\n  primary_abstract_class\nend\n",
    "app/controllers/application_controller.rb" => "class ApplicationController < ActionController::Base\nend\n"
  })
  const_set(:TESTS, { "test/test_helper.rb" => "require_relative \"../config/environment\"\nrequire \"rails/test_help\"\n" })
  const_set(:SPECS, { "spec/rails_helper.rb" => "require_relative \"../config/environment\"\n" })

  let(:plain) { "class Signup < ApplicationRecord\n  validates :email, presence: true\nend\n" }

  def app(**files)
    application(**self.class::OWN)
    FileUtils.rm_rf(%w[models/signup.rb views].map { |path| "#{@directory}/app/#{path}" })
    files.each { |path, text| FileUtils.mkdir_p(File.dirname("#{@directory}/#{path}")) && File.write("#{@directory}/#{path}", text) }
  end

  # @param calls [Array<Array<String>>] the arguments of each
  # @return [Array<String>] what each said
  def generate_each(calls, **environment)
    said = in_application(<<~RUBY, **environment)
      require "rails/generators"
      $stdout.sync = true
      Rails.application.load_generators
      #{calls.inspect}.each do |arguments|
        Rails::Generators.invoke("workflow", arguments, behavior: :#{environment.fetch(:BEHAVIOR, "invoke")}, destination_root: Rails.root)
      rescue SystemExit
        nil
      ensure
        puts "====="
      end
    RUBY
    said.split("=====\n")
  end

  def generate(*arguments, **environment) = generate_each([ arguments ], **environment).first

  def migrate
    in_application('ActiveRecord::Migration.verbose = false; ActiveRecord::MigrationContext.new("db/migrate").up; print ActiveRecord::Base.connection.tables.sort.join(" ")')
  end

  def read(path) = File.read("#{@directory}/#{path}")
  def files = Dir.glob("{app,db,spec,test}/**/*.*", base: @directory).to_h { |path| [ path, read(path) ] }

  it "makes a model with its migration, partials, and a test that passes" do
    app(**self.class::TESTS)
    said = generate("signup", "email:string", "create_account:now", "send_link:later:retries=5", "activate:await:expires_in=3.days", "onboard:later")

    expect(said).to match(%r{create\s+db/migrate/\d+_create_signups\.rb.*insert\s+app/models/signup\.rb: steps create_account, send_link, activate, onboard}m)
    expect(read("app/models/signup.rb")).to eq <<~RUBY
      class Signup < ApplicationRecord
        include Workflow

        workflow do
          now   :create_account
          later :send_link, retries: 5
          await :activate, expires_in: 3.days
          later :onboard
        end

        # Runs here, before whoever starts or submits goes on.
        def create_account
        end

        # A worker runs this.
        def send_link
        end

        # Called with what a person submits. `reject "why"` refuses it, and the run goes on waiting.
        def activate
        end

        # A worker runs this.
        def onboard
        end
      end
    RUBY
    expect(files.keys.grep(%r{\Aapp/views/signups/workflow/}).map { |path| File.basename(path) })
      .to contain_exactly("_waiting_for_activate.html.erb", "_running.html.erb", "_failed.html.erb", "_done.html.erb")
    expect(migrate).to include("signups")
    expect(run_in_application({}, RbConfig.ruby, "-Itest", "test/models/signup_workflow_test.rb")).to match(/1 runs, \d+ assertions, 0 failures, 0 errors/)
  end

  it "changes nothing when it is run again, and says so; a step that is new is added" do
    app(**self.class::TESTS)
    steps = %w[create_account:now send_link:later:retries=5 activate:await:by=link,renew=send_link]
    generate("signup", "email:string", *steps)
    migrate
    before = files

    expect(generate("signup", "email:string", *steps)).to include("Signup has all of that already: nothing was changed.")
    expect(files).to eq before
    said = generate("signup", *steps, "onboard:later:after=activate")
    expect(said).to match(%r{kept\s+app/models/signup\.rb: there is a step create_account already.*insert\s+app/models/signup\.rb: steps onboard; methods onboard}m)
    expect(read("app/models/signup.rb")).to eq before["app/models/signup.rb"]
      .sub("renew: :send_link\n", "renew: :send_link\n    later :onboard, after: :activate\n")
      .sub(/end\nend\n\z/, "end\n\n  # A worker runs this.\n  def onboard\n  end\nend\n")
    expect(files.except("app/models/signup.rb")).to eq before.except("app/models/signup.rb")
  end

  it "changes nothing before db:migrate either, when a migration has the attributes, and refuses one that none has" do
    app(**self.class::TESTS, "app/models/account.rb" => "class Account < ApplicationRecord\nend\n")
    steps = %w[create_account:now send_link:later]
    generate("signup", "email:string:index", "account:references", *steps)
    File.write("#{@directory}/db/migrate/20260101000000_add_phone_to_signups.rb", "# add_column :signups, :name\nadd_column :signups, \"phone\", :string\n")
    before = files

    said = generate_each([ [ "signup", "email:string:index", "account:references", "phone:string", *steps ], [ "signup", "email:string", "name:string", *steps ], %w[account email:string pay:now] ])
    expect(said).to match [ /Signup has all of that already: nothing was changed\./, /Signup is there already: add email:string, name:string by a migration\.\nNothing was written/,
      /Account is there already: add email:string by a migration/ ]
    expect(files).to eq before
  end

  it "changes nothing when a digest, rich text and attachments are asked for again, before db:migrate and after, and refuses others" do
    app(**self.class::TESTS, "config/initializers/bcrypt.rb" => "require \"bcrypt\"\n") # as an application with digests has it
    steps = %w[password:digest auth:token avatar:attachment letters:attachments body:rich_text create_account:now]
    generate("signup", "email:string", *steps)
    before = files
    again = [ [ "signup", "email:string", *steps ], %w[signup photo:attachment create_account:now], %w[signup pin:digest create_account:now] ]
    answers = [ /Signup has all of that already: nothing was changed\./, /Signup is there already: add photo:attachment by a migration\.\nNothing was written/, /add pin:digest by a migration/ ]

    expect(generate_each(again)).to match answers
    migrate
    expect(generate_each(again)).to match answers
    expect(files.except("db/schema.rb")).to eq before.except("db/schema.rb")
  end

  it "puts the workflow above the methods of a model that is there, its methods above what is private, and leaves the rest as it was" do
    model = <<~RUBY
      # frozen_string_literal: true

      module Admin
        class Signup < ApplicationRecord
          self.table_name = "signups"
          HELP = <<~TEXT
            class Signup
            end
          TEXT

          validates :email, presence: true
          # Sends it.
          def send_link = nil

          # Nobody's business.
          private
            def secret = 1
        end
      end
    RUBY
    app("app/models/admin/signup.rb" => model)
    generate("admin/signup", "send_link:later", "activate:await:fields=code+note")

    head, foot = <<~RUBY.gsub(/^(?=.)/, "    ").split("-----\n").map { |text| text.delete_suffix("    ") }
      include Workflow

      workflow do
        later :send_link
        await :activate, fields: { code: String, note: String }
      end

      -----
      # Called with what a person submits. `reject "why"` refuses it, and the run goes on waiting.
      def activate(code:, note:)
      end

    RUBY
    expect(read("app/models/admin/signup.rb")).to eq model.sub("    # Sends it.\n", "\n#{head}    # Sends it.\n").sub("    # Nobody", "#{foot}    # Nobody")
    expect(files).to include("app/views/admin/signups/workflow/_waiting_for_activate.html.erb" => /workflow_form_for signup, :activate/)
  end

  it "writes a spec where the application has RSpec, which passes for all that can be written" do
    app(**self.class::SPECS, "app/models/signup.rb" => plain,
      "db/migrate/20260101000000_a.rb" => "class A < ActiveRecord::Migration[7.0]; def change = create_table(:signups) { |t| t.string :email, null: false; t.integer :age, null: false, default: 1 }; end")
    migrate
    said = generate("signup", "count:now:if=counted?,once", "greet:later:wait=2.days,backoff=constant,retries=3,retry_on=IOError+EOFError", "settle:now",
      "confirm:await:by=code,fields=note,renew=greet,expires_in=10.days,otherwise=chase,remind=2.days/nudge", "pay:later:after=count+settle,timeout=30,unless=free?")

    expect(read("app/models/signup.rb")).to include("  now   :count, if: :counted?, once: true\n", "retry_on: [ IOError, EOFError ]", "remind: { after: 2.days, with: :nudge }",
      "after: [ :count, :settle ]", "def counted?\n    true\n", "def free?\n    false\n", "def chase\n  end", "def nudge\n  end", "def confirm(note:)")
    expect(run_in_application({}, "bundle", "exec", "rspec", "-Ispec", "spec/models/signup_workflow_spec.rb")).to include("1 example, 0 failures"), said
  end

  it "makes up what an object cannot be saved without, of another model too" do
    app(**self.class::TESTS, "app/models/account.rb" => "class Account < ApplicationRecord\n  validates :name, presence: true\nend\n",
      "app/models/order.rb" => "class Order < ApplicationRecord\n  belongs_to :payer, class_name: \"Account\"\n  validates :note, presence: true\nend\n",
      "db/migrate/20260101000000_a.rb" => <<~RUBY)
        class A < ActiveRecord::Migration[7.0]
          def change
            create_table(:accounts) { |t| t.string :name }
            create_table(:orders) { |t| t.references :payer, null: false, foreign_key: { to_table: :accounts }; t.string :note, null: false }
          end
        end
      RUBY
    migrate
    generate_each([ %w[order pay:now], %w[signup account:references email:string activate:await] ])
    migrate

    %w[order signup].each do |name|
      expect(run_in_application({}, RbConfig.ruby, "-Itest", "test/models/#{name}_workflow_test.rb")).to match(/1 runs, \d+ assertions, 0 failures, 0 errors/)
    end
  end

  const_set(:ORDERS, "class A < ActiveRecord::Migration[7.0]; def change = create_table(:orders) { |t| t.string :note, null: false }; end")
  const_set(:ANIMALS, "test:\n  primary: {adapter: sqlite3, database: storage/test.sqlite3}\n  animals: {adapter: sqlite3, database: storage/animals.sqlite3, migrations_paths: db/animals_migrate}\n")

  it "makes the model with the options of rails generate model, and refuses one that there is not" do
    app("config/database.yml" => self.class::ANIMALS)
    said = generate_each([ %w[cat name:string feed:now --database animals --primary-key-type=uuid --no-timestamps], %w[vip_cat feed:now --parent=Cat], %w[cat feed:now --db animals],
      %w[dog feed:now --databse animals], %w[dog feed:now --db animls] ])

    migrations = files.select { |path,| path.start_with?("db/") }
    expect(migrations.keys).to match [ %r{\Adb/animals_migrate/\d+_create_cats\.rb\z} ]
    expect(migrations.values.first).to include("create_table :cats, id: :uuid").and satisfy { |text| !text.include?("timestamps") }
    expect(files).to include("app/models/cat.rb" => /\Aclass Cat < AnimalsRecord\n  include Workflow$/, "app/models/vip_cat.rb" => /\Aclass VipCat < Cat$/)
    expect(said).to match [ %r{bin/rails db:migrate}, satisfy { |text| !text.include?("db:migrate") }, /skip\s+--database=animals: Cat is there already/,
      /Unknown switches "--databse"/, /there is no database animls\. Did you mean animals\? config\/database\.yml has, for test: primary, animals\.\nNothing was written/ ]
    expect(files.keys.grep(/dog/)).to be_empty
  end

  it "writes a workflow that has a name beside another, with partials and a test that pass" do
    app(**self.class::TESTS, "app/models/order.rb" => "class Order < ApplicationRecord\n  include Workflow\n\n  workflow do\n    now :pay\n  end\n\n  def pay = nil\nend\n",
      "db/migrate/20260101000000_a.rb" => self.class::ORDERS)
    migrate
    generate_each([ %w[order pack:later --workflow fulfilment], %w[order confirm:await:fields=note --workflow=fulfilment] ])
    FileUtils.rm("#{@directory}/test/models/order_fulfilment_workflow_test.rb")
    steps = %w[order pack:later confirm:await:fields=note --workflow fulfilment]
    said = generate_each([ steps, steps, [ "order", "pack:later", "--workflow", "Foo Bar" ] ])

    expect(read("app/models/order.rb")).to start_with <<~RUBY
      class Order < ApplicationRecord
        include Workflow

        workflow do
          now :pay
        end

        workflow :fulfilment do
          later :pack
          await :confirm, fields: { note: String }
        end

        def pay = nil

        # A worker runs this.
        def pack
        end
    RUBY
    expect(said).to match [ /order\.start\(:fulfilment\)/, /nothing was changed/, /"Foo Bar" is no name of a workflow\. Write it as a method's: foo_bar\.\nNothing was written/ ]
    expect(run_in_application({}, RbConfig.ruby, "-Itest", "test/models/order_fulfilment_workflow_test.rb")).to match(/1 runs, \d+ assertions, 0 failures, 0 errors/)
    page = in_application(<<~RUBY)
      order = Order.create!(note: "a").tap { |made| made.start(:fulfilment).now(:pack) }
      puts ApplicationController.render(partial: "orders/workflow/waiting_for_confirm", locals: { order: order, workflow: order.workflow(:fulfilment) })
    RUBY
    expect(page).to include 'name="input[note]"'
  end

  it "writes into a class that is no record what rebuilds its objects, and a test that passes" do
    app(**self.class::TESTS, "app/models/reindex.rb" => "class Reindex\n  def initialize(index_name, of:, force: false)\n    @index_name, @of = index_name, of\n  end\n\n  def of = @of\nend\n")
    generate("reindex", "rebuild:later")
    said = generate_each([ %w[reindex rebuild:later], %w[reindex name:string rebuild:later] ])

    expect(read("app/models/reindex.rb")).to start_with <<~RUBY
      class Reindex
        include Workflow
        remembers :index_name, :of
        attr_reader :index_name

        workflow do
          later :rebuild
        end

        def initialize(index_name, of:, force: false)
    RUBY
    expect(said).to match [ /nothing was changed/, /Reindex is no record, so that it has no attributes: write name in app\/models\/reindex\.rb/ ]
    expect(read("test/models/reindex_workflow_test.rb")).to include 'reindex = Reindex.new("index_name", of: "of") # say what it is made of'
    expect(run_in_application({}, RbConfig.ruby, "-Itest", "test/models/reindex_workflow_test.rb")).to match(/1 runs, \d+ assertions, 0 failures, 0 errors/)
  end

  it "takes back the test of a model that was there before" do
    app(**self.class::TESTS, "app/models/order.rb" => "class Order < ApplicationRecord\nend\n", "db/migrate/20260101000000_a.rb" => self.class::ORDERS)
    migrate
    generate("order", "pack:later")
    said = generate("order", "pack:later", BEHAVIOR: "revoke")

    expect(said).to match %r{remove\s+test/models/order_workflow_test\.rb}
    expect(files.keys.grep(/workflow/)).to be_empty
  end

  it "takes back what nobody has changed, and leaves the model to people" do
    app(**self.class::TESTS)
    steps = %w[signup email:string activate:await]
    generate(*steps)
    File.write("#{@directory}/app/views/signups/workflow/_done.html.erb", "ours")
    said = generate(*steps, BEHAVIOR: "revoke")

    expect(said).to match(%r{kept\s+app/models/signup\.rb: take the workflow out by hand.*remove\s+app/views/signups/workflow/_running\.html\.erb}m)
    expect(files.keys.grep(/workflow/)).to eq [ "app/views/signups/workflow/_done.html.erb" ]
    expect(read("app/models/signup.rb")).to include("await :activate")
  end

  it "has partials that a page shows" do
    app
    generate("signup", "email:string", "pay:later", "activate:await:fields=code", "confirm:await:by=link")
    migrate
    said = in_application(<<~'RUBY')
      signup = Signup.start(email: "a")
      def show(signup, name) = ApplicationController.render(partial: "signups/workflow/#{name}", locals: { signup: signup, workflow: signup.workflow })
      puts show(signup, "running"), show(signup, "failed"), show(signup, "done")
      signup.now(:pay)
      puts show(signup, "waiting_for_activate"), show(signup, "waiting_for_confirm")
    RUBY

    expect(said).to include("We are working on it: pay …", 'role="alert"', "Done.", 'name="input[code]"', '>Activate</button>', "we have sent you a link")
  end

  it "makes no partials in an application without pages" do
    app
    expect(generate("signup", "activate:await", API: "1")).to include("no partials: the application has no pages (config.api_only)")
    expect(files.keys.grep(/views/)).to eq []
  end

  it "writes nothing with --pretend" do
    app(**self.class::TESTS, "app/models/order.rb" => "class Order < ApplicationRecord\nend\n")
    before = files
    said = generate_each([ %w[signup pay:now --pretend], %w[order pay:now --pretend] ])

    expect(said).to all(match(%r{insert\s+app/models/}))
    expect(files).to eq before
  end

  it "keeps partials and specs that a person has changed" do
    app(**self.class::TESTS)
    generate("signup", "activate:await")
    paths = %w[app/views/signups/workflow/_done.html.erb test/models/signup_workflow_test.rb]
    paths.each { |path| File.write("#{@directory}/#{path}", "ours") }
    said = generate("signup", "activate:await")

    paths.each { |path| expect(said).to match(/kept\s+#{path}/) }
    expect(paths.map { |path| read(path) }).to all(eq("ours"))
  end

  const_set(:REFUSED, {
    [ "signup" ] => /there is no step. Write each with its word/,
    [ "install" ] => /did you mean `rails generate workflow:install`\?/,
    [ "workflow", "pay:now" ] => /Workflow is the gem's own name/,
    [ "sign-up!", "pay:now" ] => /"sign-up!" is no name of a model/,
    [ "object", "pay:now" ] => /'Object' is either already used/,
    [ "signup", "pay" ] => /pay: say which kind of step it is: pay:now, pay:later or pay:await/,
    [ "signup", "pay:latr" ] => /pay:latr: there is no word latr\. Did you mean later\?/,
    [ "signup", "Pay-It:now" ] => /"Pay-It" is no name of a step\. Write it as a method's: pay_it:now/,
    [ "signup", "class:now" ] => /class is a word of Ruby/,
    [ "signup", "save:now" ] => /every record has a method save already/,
    [ "signup", "submit:await" ] => /every object that includes Workflow has a method submit already/,
    [ "signup", "pay:now", "pay:later" ] => /there is a step :pay already/,
    [ "signup", "pay:later:retrys=5" ] => /takes no option retrys:\. Did you mean retries\?/,
    [ "signup", "pay:later:retries=many" ] => /retries=many is no value of retries:\. Write a number: retries=5/,
    [ "signup", "pay:later:retries=5000" ] => /must be a whole number from 0 to 1000/,
    [ "signup", "pay:later:retries=5,,once" ] => /pay:later:retries=5,,once: an option has no name\. Write them as retries=5,once/,
    [ "signup", "pay:later:=5" ] => /an option has no name/,
    [ "signup", "pay:later:retries=5," ] => /an option has no name/,
    [ "signup", "pay:later:undo=refund" ] => /undo: is not built yet/,
    [ "signup", "pay:later:retry_on=NoSuchError" ] => /there is no class NoSuchError/,
    [ "signup", "pay:later:after=order" ] => /order/,
    [ "signup", "ask:await:otherwise=chase" ] => /so it needs expires_in:/,
    [ "signup", "ask:await:expires_in=3.fortnights" ] => /Write a duration: 3\.days/,
    [ "signup", "ask:await:by=pigeon" ] => /by: must be :link/
  })

  it "refuses what makes no sense, says what may have been meant, and writes nothing" do
    app
    before = files
    said = generate_each(self.class::REFUSED.keys)

    self.class::REFUSED.each_value.with_index { |message, index| expect(said[index]).to match(message).and include("Nothing was written.") }
    expect(files).to eq before
  end

  it "refuses what does not fit a model that is there, and writes nothing" do
    app("app/models/signup.rb" => plain, "app/models/order.rb" => "Order = Class.new(ApplicationRecord)\n", "app/models/torn.rb" => "class Torn < ApplicationRecord\n  def x(\nend\n",
      "db/migrate/20260101000000_a.rb" => "class A < ActiveRecord::Migration[7.0]; def change = create_table(:signups) { |t| t.string :email }; end")
    migrate
    before = files

    expect(generate_each([ %w[signup email:now], %w[signup name:string pay:now], %w[order pay:now], %w[torn pay:now] ]))
      .to match [ /Signup has a column email, so that a step cannot be called so/, /Signup is there already: add name:string by a migration/,
        /app\/models\/order.rb does not define Order with `class`/, /app\/models\/torn.rb has a syntax error: `ruby -c app\/models\/torn.rb` says where/ ]
    expect(files).to eq before
  end

  it "writes no method over one that records have from elsewhere" do
    app("app/models/chargeable.rb" => "module Chargeable\n  def charge = puts(\"charged\")\nend\n",
      "app/models/signup.rb" => "class Signup < ApplicationRecord\n  include Chargeable\n  delegate :pack, to: :class\n  define_method(:weigh) { 1 }\nend\n",
      "db/migrate/1_signups.rb" => "class Signups < ActiveRecord::Migration[7.2]\n  def change = create_table(:signups) { |t| t.boolean :paid }\nend\n")
    migrate
    generate("signup", "charge:later:if=paid?", "pack:now:unless=digital?", "weigh:now", "confirm:await:expires_in=3.days,otherwise=destroy")

    expect(read("app/models/signup.rb").scan(/def (\S+)/).flatten).to eq %w[confirm digital?]
  end

  it "refuses a step whose method is there and cannot be called as steps call theirs, and says where it is" do
    app("app/models/crate.rb" => <<~RUBY)
      class Crate < ApplicationRecord
        def ship(to:) = to
        def confirm(note:) = note
        def weigh(scale, unit: 1) = scale
        def open_up(input) = input
        def chase(who) = who
      end
    RUBY
    before = files
    calls = [ %w[crate ship:later], %w[crate confirm:await:fields=code], %w[crate weigh:await], %w[crate ask:await:expires_in=3.days,otherwise=chase] ]
    said = generate_each([ *calls, %w[crate confirm:await:fields=note open_up:await --pretend] ])

    expect(said.map { |text| text[/^workflow: (.*)/, 1] }).to match [
      %r{\ACrate#ship \(app/models/crate\.rb:2\) cannot be called with the arguments that it requires: a step's method takes no arguments\. Change it, or call the step otherwise: ship_crate, say\.\z},
      %r{\ACrate#confirm \(app/models/crate\.rb:3\).*an await's method takes its fields as keywords}, /\ACrate#weigh/, /\ACrate#chase.*takes no arguments/, nil ]
    expect(files).to eq before
  end

  it "uses what a new model's attributes answer, and refuses a step of an attribute's name" do
    app
    generate("signup", "paid:boolean", "charge:later:if=paid?", "confirm:await:expires_in=3.days,otherwise=destroy")
    said = generate("order", "charge:string", "charge:later")

    expect(read("app/models/signup.rb").scan(/def (\S+)/).flatten).to eq %w[charge confirm]
    expect(said).to include "charge is to be an attribute and a step", "Nothing was written."
  end

  it "refuses what would break the class, or change another's workflow" do
    app("app/models/shared.rb" => "module Shared\n  extend ActiveSupport::Concern\n  included do\n    include Workflow\n    workflow { later :charge }\n  end\nend\n",
      "app/models/signup.rb" => "class Signup < ApplicationRecord\n  include Shared\n  has_many :notes\n  def charge = 1\nend\n",
      "app/models/vip_signup.rb" => "class VipSignup < Signup\nend\n", "app/models/note.rb" => "class Note < ApplicationRecord\n  has_many :signups\nend\n")
    before = files
    said = generate_each([ %w[signup ship:now], %w[vip_signup ship:now], %w[note signups:now], %w[orders ship:now] ])

    expect(said.map { |text| text[/^workflow: (.*)/, 1] }).to match [ %r{Signup has its workflow from .*shared\.rb:5.*Add the steps there}, /VipSignup has its workflow from .*shared\.rb:5/,
      /Note has an association signups, so that a step cannot be called so/, "A model has its name in the singular: order." ]
    expect(files).to eq before
  end

  it "says that there is no model when Rails has made none" do
    app
    said = generate("signup", "save:string", "create:later")

    expect(said).to include "Rails has not made app/models/signup.rb"
    expect(files.keys.grep(/signup/)).to be_empty
  end
end
