# frozen_string_literal: true

require_relative "rails_application"

RSpec.describe "Workflow::Helper" do
  include RailsApplication

  def rendered(code, **files)
    application(**files)
    in_application(<<~RUBY)
      signup = Signup.start(email: "a@b.c")
      #{code}
      puts ActionController::Base.render(inline: "<%= workflow_for signup %><%= workflow_steps_tag signup %>", locals: { signup: signup })
    RUBY
  end

  it "renders the partial of the step that is awaited, and follows the run from there" do
    html = rendered("signup.now(:send_link)")

    expect(html).to include(%(<div id="workflow_signup_1" class="workflow" data-state="waiting" data-version="8">), "activate a@b.c waiting")
    expect(html).to match(%r{<turbo-cable-stream-source channel="Workflow::StreamChannel" signed-stream-name="[^"]+" data-version="8"></turbo-cable-stream-source>})
  end

  it "renders the partial of the state, or else its own" do
    expect(rendered("signup.now(:send_link); signup.submit(:activate)")).to include("welcome")
    html = rendered("")
    expect(html).to include(%(<p class="workflow-state">Running: send link</p>))
    expect(html).to include(%(<li class="workflow-step ready" data-step="send_link" data-state="ready"><strong>Send link</strong>))
  end

  it "shows that a run is paused and why, not the form of the step that waits" do
    html = rendered(%(signup.now(:send_link); signup.workflow.pause(reason: "audit")))

    expect(html).to include(%(data-state="paused"), %(<p class="workflow-state">Paused: activate (audit)</p>))
    expect(html).not_to include("activate a@b.c waiting")
  end

  it "renders without a run, and for plain objects" do
    expect(rendered("signup = Signup.new")).to include(%(<div id="workflow_signup_new" class="workflow" data-state="none" data-version="0">), "None")
    expect(rendered("signup = Plain.new.tap(&:start)", "app/models/plain.rb" => "class Plain; include Workflow; workflow { later :go }; def go; end; end"))
      .to include(%(data-state="running"), "Running: go")
  end

  it "makes forms for awaits, with Rails' builders, what was typed and what was wrong with it" do
    application("app/models/payment.rb" => <<~RUBY)
      class Payment
        include Workflow
        workflow { await :confirm, fields: { code: String, count: [ Integer, nil ] }; now :ship }
        def confirm(code:, count:) = (reject "Not the code." unless code == "1")
        def ship; end
      end
    RUBY
    said = in_application(<<~'RUBY')
      show = ->(erb, **locals) { puts ActionController::Base.render(inline: erb, locals: { payment: Payment.new.tap(&:start), input: nil, submission: nil, **locals }).split(/(?=<)/).map(&:strip) }
      show.("<%= workflow_form_for payment, :confirm, url: '/confirm', authenticity_token: false %>")
      payment = Payment.new.tap(&:start)
      input = { code: "<2>", count: "many" }
      own = "<%= workflow_form_for payment, :confirm, submission: submission, input: input, url: '/x', authenticity_token: false do |form| %><%= form.text_field :code %>" \
        "<%= form.number_field :count, class: 'n' %><%= form.object.errors.full_messages %><% end %>"
      show.(own, payment: payment, submission: payment.submit(:confirm, **input), input: input)
      show.(own, payment: payment, submission: payment.submit(:confirm, code: "2"), input: ActionController::Parameters.new(code: "\xFF", count: { a: 1 }))
      begin
        show.("<%= workflow_form_for payment, :ship %>")
      rescue ActionView::Template::Error => error
        puts error.message
      end
    RUBY

    form = '<form action="%s" accept-charset="UTF-8" method="post">'
    expect(said.lines(chomp: true)).to eq [
      form % "/confirm", "<p>", '<label for="input_code">Code', "</label>", '<input required="required" type="text" name="input[code]" id="input_code" />', "</p>",
      "<p>", '<label for="input_count">Count', "</label>", '<input type="number" name="input[count]" id="input_count" />', "</p>",
      '<button name="button" type="submit">Send', "</button>", "</form>",
      form % "/x", '<input type="text" value="&lt;2&gt;" name="input[code]" id="input_code" />', '<div class="field_with_errors">',
      '<input class="n" type="number" value="many" name="input[count]" id="input_count" />', "</div>[&quot;Count must be a whole number&quot;]", "</form>",
      form % "/x", %(<input type="text" value="\uFFFD" name="input[code]" id="input_code" />), '<input class="n" type="number" name="input[count]" id="input_count" />[&quot;Not the code.&quot;]',
      "</form>", "workflow_form_for: ship is no await, so that it takes no input"
    ]
  end
end
