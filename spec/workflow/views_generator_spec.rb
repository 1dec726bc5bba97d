# frozen_string_literal: true

require_relative "rails_application"

# bin/rails generate workflow:views, in a directory of its own.
RSpec.describe "rails generate workflow:views" do
  include RailsApplication

  def generate(*arguments, behavior: :invoke)
    in_application(<<~RUBY)
      require "rails/generators"
      require "generators/workflow/views/views_generator"
      Workflow::Generators::ViewsGenerator.start(#{arguments.inspect}, destination_root: Dir.pwd, behavior: #{behavior.inspect})
    RUBY
  end

  it "copies the partials of all states to where they are looked for, and says so" do
    application
    said = generate("signup")

    expect(said.scan(%r{create\s+app/views/signups/workflow/_(\w+).html.erb}).flatten + [ "done" ]).to match_array(Workflow::Run::STATES.map(&:to_s))
    expect(said).to match(%r{skip\s+app/views/signups/workflow/_done.html.erb})
    File.write("#{@directory}/app/views/signups/workflow/_running.html.erb", "ours: <%= workflow_state_text workflow %>")
    html = in_application('puts ActionController::Base.render(inline: "<%= workflow_for signup %>", locals: { signup: Signup.start(email: "a") })')
    expect(html).to include("ours: Working on it: send link.")
  end

  it "leaves what is there as it is, unless it is forced" do
    application
    generate("signup")
    file = "#{@directory}/app/views/signups/workflow/_failed.html.erb"
    File.write(file, "ours")
    said = generate("signup")

    expect(said).to match(%r{skip\s+app/views/signups/workflow/_failed.html.erb})
    expect(said).to match(%r{identical\s+app/views/signups/workflow/_running.html.erb})
    expect(File.read(file)).to eq "ours"
    expect(generate("signup", "--force")).to match(%r{force\s+app/views/signups/workflow/_failed.html.erb})
    expect(File.read(file)).to include("workflow_state_text")
  end

  it "takes back what it has made and nobody has changed" do
    application
    generate("signup")
    File.write("#{@directory}/app/views/signups/workflow/_failed.html.erb", "ours")
    said = generate("signup", behavior: :revoke)

    expect(said).to match(%r{kept\s+app/views/signups/workflow/_failed\.html\.erb: it was changed}).and match(%r{remove\s+app/views/signups/workflow/_running\.html\.erb})
    expect(Dir.children("#{@directory}/app/views/signups/workflow")).to contain_exactly("_waiting_for_activate.html.erb", "_done.html.erb", "_failed.html.erb")
  end

  it "knows modules" do
    application
    expect(generate("admin/signup")).to match(%r{create\s+app/views/admin/signups/workflow/_running.html.erb})
  end
end
