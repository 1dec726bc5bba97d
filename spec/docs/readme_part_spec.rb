# frozen_string_literal: true

require_relative "../../bin/support/readme_part"

# What rake test:newapp types.
RSpec.describe ReadmePart do
  def part(text)
    Dir.mktmpdir do |directory|
      File.write("#{directory}/README.md", text)
      described_class.new("Use it", "#{directory}/README.md").then { |read| [ read.things.map(&:to_a), (yield read if block_given?) ] }
    end
  end

  it "reads the commands and the files of the part's blocks, in their order" do
    things, start = part(<<~TEXT, &:start)
      # a gem
      ```
      not --this
      ```
      ## Use it
      ### Soon
      ```
      (cd x && y)     # does y
      # and then

      z --name="a#b"
      ```
      ```erb
      <%# app/views/new.html.erb %>
      <p>
        new
      </p>

      <%# app/views/show.html.erb %>
      <p>
      ```
      Then `bin/rails server`, /things/new: look.
      ```
      # config/routes.rb, within draw
      resources :things   # all
      ```
      ## More
      ```
      nor --that
      ```
    TEXT

    expect(things).to eq [ [ "(cd x && y)" ], [ "z --name=\"a#b\"" ], [ "app/views/new.html.erb", "<p>\n  new\n</p>\n" ],
      [ "app/views/show.html.erb", "<p>\n" ], [ "config/routes.rb", "resources :things   # all\n" ] ]
    expect(start).to eq [ "bin/rails server", "/things/new" ]
  end

  it "says what is missing" do
    expect { part("# a gem\n") }.to raise_error(ReadmePart::Unreadable, /no heading "Use it"/)
    expect { part("## Use it\n", &:start) }.to raise_error(ReadmePart::Unreadable, /how to start a server/)
  end

  it "finds in README.md what there is to do, and how to start" do
    part = described_class.new("Use it in your app", File.expand_path("../../README.md", __dir__))

    expect(part.things.grep(ReadmePart::Command).map(&:text)).to include("bundle install", /\Abin\/rails generate workflow:install/)
    expect(part.things.grep(ReadmePart::Snippet).map(&:path)).to include("Gemfile", "config/routes.rb", "app/views/signups/show.html.erb")
    expect(part.start).to eq [ "bin/rails server", "/signups/new" ]
  end
end
