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
end
