# frozen_string_literal: true

require_relative "rails_application"

RSpec.describe "Workflow::LiveScript" do
  include RailsApplication

  ASK = <<~'RUBY'
    require "rack/mock"
    ask = ->(path, **env) { Rack::MockRequest.new(Rails.application).get(path, env) }
    view = ActionController::Base.new.tap { |controller| controller.request = ActionDispatch::TestRequest.create }.view_context
    address = Workflow::LiveScript.address(view)
  RUBY

  it "is served by the gem, to be kept for ever under its digest" do
    application
    said = in_application(ASK + <<~'RUBY')
      puts address
      page = ask.(address)
      puts page.status, page.headers["content-type"], page.headers["cache-control"], page.headers["x-content-type-options"], page.body == File.binread(Workflow::LiveScript::FILE)
      again = ask.(address, "HTTP_IF_NONE_MATCH" => page.headers["etag"])
      puts again.status, again.body.empty?
      head = Rack::MockRequest.new(Rails.application).head(address)
      puts head.status, head.body.empty?
      other = ask.(address.sub(/\h{16}/, "0123456789abcdef"))
      puts other.status, other.headers["cache-control"], other.body == page.body
      puts ask.("/workflow/live-x.js").status, ask.("/workflow/live.js").status, ask.("#{address}.map").status
    RUBY

    expect(said.lines(chomp: true)).to match [ %r{\A/workflow/live-\h{16}\.js\z}, "200", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable", "nosniff", "true",
      "304", "true", "200", "true", "200", "no-cache", "true", "404", "404", "404" ]
  end

  it "is where the application says, below where it is mounted, or not there at all" do
    application("config/initializers/workflow.rb" => "Workflow.configure { |c| c.live_path = ENV['AT']; c.live_script = ENV['NONE'].nil? }")
    said = ->(**environment) { in_application("#{ASK}; puts address.inspect, address && ask.(address).status", **environment).lines(chomp: true) }

    expect(said.call(AT: "/assets/live")).to match [ %r{\A"/assets/live-\h{16}\.js"\z}, "200" ]
    expect(said.call(AT: "/assets/live", RAILS_RELATIVE_URL_ROOT: "/shop").first).to match(%r{\A"/shop/assets/live-\h{16}\.js"\z})
    expect(said.call).to eq [ "nil", "" ]
    expect(said.call(AT: "/assets/live", NONE: "1")).to eq [ "nil", "" ]
    html = in_application('puts ActionController::Base.render(inline: "<%= workflow_for signup %>", locals: { signup: Signup.start(email: "a") })', AT: "/a", NONE: "1")
    expect(html).to include("turbo-cable-stream-source")
    expect(html).not_to include("<script")
  end
end
