# frozen_string_literal: true

require_relative "link_application"

RSpec.describe "Workflow::Code" do
  include LinkApplication

  model = LinkApplication::MODEL.sub("by: :link", "by: :code")
  files = {
    "app/views/signup_mailer/activation.text.erb" => "Code: <%= workflow_code_for(@signup, :activate) %>\n",
    "config/routes.rb" => "Rails.application.routes.draw { resource :code, only: %i[show create] }\n",
    "app/controllers/codes_controller.rb" => <<~RUBY
      class CodesController < ActionController::Base
        skip_forgery_protection
        before_action { @signup = Signup.last }
        def show = render(inline: "<%= workflow_form_for @signup, :activate, submission: @submission, input: params[:input], authenticity_token: false %>")
        def create
          @submission = @signup.submit(:activate, **params.fetch(:input, {}).permit(:code).to_h.symbolize_keys)
          @submission.accepted? ? redirect_to("/") : show
        end
      end
    RUBY
  }
  words = <<~'RUBY'
    module Codes
      def code = letters.last.body.to_s[/\d{6}/]
      def wrong = code.tr("0-9", "1-90")
      def try(signup, code) = signup.submit(:activate, code: code).then { |submission| submission.accepted? ? "accepted" : submission.errors.full_messages.join(", ") }
      def receipts
        ActiveRecord::Schema.define do
          create_table(:workflow_receipts) do |t|
            t.string :token, null: false, index: { unique: true }
            t.string :kind, :run_id
            t.text :payload
            t.datetime :pending_since, :created_at
          end
        end
      end
    end
    extend Codes
  RUBY
  define_method(:visit) { |code, **given| super(words + code, model: model, files: files, **given) }

  wrong = "Code is not the one we sent"
  spent = "Code was wrong too often. Ask for a new one"

  it "is wrong in the words of the locale, which the log does not have and the count does not need" do
    said = visit(<<~'RUBY')
      I18n.available_locales = %i[en de]
      I18n.backend.store_translations(:de, workflow: { errors: { code_wrong: "stimmt nicht", code_spent: "war zu oft falsch", code_digits: "hat %{digits} Ziffern" } })
      signup = start
      I18n.with_locale(:de) { puts try(signup, "1"), Array.new(6) { try(signup, wrong) }.tally }
      puts signup.workflow.events.filter_map { |event| event.reason if event.kind == :input_rejected }.tally
    RUBY

    expect(said.lines(chomp: true)).to eq [ "Code hat 6 Ziffern", { "Code stimmt nicht" => 5, "Code war zu oft falsch" => 1 }.to_s, { wrong => 5 }.to_s ]
  end

  [ "without the table workflow_receipts", "with it" ].each do |surroundings|
    it "is taken once when it is right, and five times when it is wrong, #{surroundings}" do
      said = visit("#{"receipts\n" if surroundings == "with it"}#{<<~'RUBY'}")
        signup = start
        puts code.match?(/\A\d{6}\z/), try(signup, wrong), try(signup, code), try(signup, code), kinds(signup).values_at(:input_rejected, :input_accepted).inspect
        other = start
        puts Array.new(12) { Thread.new { try(Signup.find(other.id), wrong) } }.map(&:value).tally.sort.to_h, try(other, code), try(Signup.find(other.id), code), kinds(other).values_at(:input_rejected, :input_accepted).inspect
      RUBY

      expect(said.lines(chomp: true)).to eq [ "true", wrong, "accepted", "activate is already done.", "[1, 1]", { wrong => 5, spent => 7 }.to_s, spent, spent,
        "[5, nil]" ]
    end
  end

  it "is right with a secret of before that config.secret_keys names, and wrong without" do
    visit("start; start; File.write('codes', letters.last(2).map { |letter| letter.body.to_s[/\\d{6}/] }.join(' '))")
    said = visit(<<~'RUBY')
      old = Rails.application.secret_key_base
      Rails.application.config.secret_key_base = "n" * 64
      first, second = File.read("codes").split
      puts try(Signup.first, first)
      Workflow.configure { |c| c.secret_keys = [ "o" * 64, old ] }
      puts try(Signup.first, first), try(Signup.second, first), try(Signup.second, second)
      puts try(start, code)
    RUBY

    expect(said.lines(chomp: true)).to eq [ wrong, "accepted", wrong, "accepted", "accepted" ]
  end

  it "is counted for all processes, and readable in none of their logs" do
    visit("start; 3.times { try(Signup.last, wrong) }; File.write('code', code)")
    said = visit(<<~'RUBY')
      sent = File.read("code")
      said = Array.new(3) { try(Signup.last, sent.tr("0-9", "1-90")) }
      puts said, try(Signup.last, sent)
      signup = start
      puts post("http://app.example/code", { input: { code: code } })
      Workflow.runtime.stop
      files = Dir["storage/*", "log/*"].to_h { |file| [ file, File.binread(file) ] }
      files["log/test.log"] = files["log/test.log"].lines.grep_v(/\ACode: \d{6}/).join # the mail, as Rails has it in the log of development
      puts files.select { |_, text| text.include?(sent) || text.include?(code) }.keys.inspect, files["log/test.log"].include?('"code"=>"[FILTERED]"')
    RUBY

    expect(said.lines(chomp: true)).to eq [ wrong, wrong, spent, spent, "302 http://app.example/", "[]", "true" ]
  end

  it "is another one when a new one is asked for, which is sent once a minute" do
    said = visit(<<~'RUBY')
      signup = start
      first = code
      5.times { try(signup, wrong) }
      puts signup.workflow.renew(:activate), signup.workflow.renew(:activate)
      work_until { letters.size == 2 }
      puts code == first, try(signup, first), try(signup, code)

      signup.workflow.retry(from: :activate)
      puts try(signup, code), Workflow::Code.make(signup, :activate) == code, try(signup, Workflow::Code.make(signup, :activate))
      begin
        signup.workflow.renew(:activate)
      rescue Workflow::NotWaiting => error
        puts error.message[/\A.*completed/]
      end
    RUBY

    expect(said.lines(chomp: true)).to eq [ "true", "false", "false", wrong, "accepted", wrong, "false", "accepted", "activate is not awaited: it is completed" ]
  end

  it "is counted by the log, not by a clock that may be set back" do
    said = visit(<<~'RUBY')
      signup = start
      signup.workflow.renew(:activate)
      travel(-3600)
      puts Array.new(7) { try(signup, wrong) }, try(signup, Workflow::Code.make(signup, :activate))
    RUBY

    expect(said.lines(chomp: true)).to eq [ *[ wrong ] * 5, *[ spent ] * 3 ]
  end

  it "is asked for in the form, and what is no code counts for nothing" do
    said = visit(<<~'RUBY')
      signup = start
      puts get("http://app.example/code").body[/<input[^>]*>/]
      [ nil, "", "12345", "1234567", "abcdef", "１２３４５６", "\xFF", [ 1 ], { a: 1 }, 1.5 ].each { |given| puts try(signup, given) }
      puts signup.submit(:activate).errors[:code], kinds(signup).key?(:input_rejected)
      puts post("http://app.example/code", { input: { code: "<b>" } }).body[/<input[^>]*>/]
      puts try(signup, code.insert(3, " "))
    RUBY

    digits = "Code must be 6 digits"
    input = '<input inputmode="numeric" autocomplete="one-time-code" maxlength="9" required="required" size="9" type="text"%s name="input[code]" id="input_code" />'
    expect(said.lines(chomp: true)).to eq [ input % "", "Code is missing", "Code is missing", *[ digits ] * 8, "is missing", "false", input % ' value="&lt;b&gt;"', "accepted" ]
  end

  it "is refused beside what contradicts it" do
    check = ->(**given) { Workflow::Options.check(:await, { by: :code, **given }, "order.rb:5: await :confirm") }

    expect(check.(fields: { name: String }, renew: :again)).to include(by: :code)
    expect { check.(early: true) }.to raise_error(Workflow::DefinitionError, /by: :code is checked when its turn has come: leave out early:/)
    expect { check.(fields: { code: String }) }.to raise_error(Workflow::DefinitionError, /by: :code makes a field code: of its own/)
  end

  it "explains itself without Rails, and leaves the await as it is" do
    define("Order") { include Workflow; workflow { await :confirm, by: :code } }
    order = Order.new.tap(&:start)

    expect { Workflow::Code.make(order, :confirm) }.to raise_error(Workflow::DefinitionError, /by: :code needs a Rails application: its secret makes the codes/)
    expect { order.submit(:confirm, code: "123456") }.to raise_error(Workflow::DefinitionError, /by: :code needs a Rails application/)
    expect(order.workflow).to be_waiting_for(:confirm)
    expect { order.workflow.renew(:confirm) }.to raise_error(Workflow::DefinitionError, /does not say how to send a new one. Write renew:/)
  end
end
