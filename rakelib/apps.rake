# frozen_string_literal: true

# What needs more than this machine's Ruby, or a whole application. docs/install.md says how long each takes.
#
# rake test:rails81 runs the specs of the gem and of its core on Ruby 3.3 and Rails 8.1, in a folder with Debian trixie
# (bin/support/trixie.sh makes it; Debian and root only). SPECS="spec/workflow/railtie_spec.rb" runs some.
namespace("test") do
  trixie = "bin/support/trixie.sh"

  task("trixie") do
    require_relative "../bin/support/places"
    ENV["RAILS"] = Places::Trixie::RAILS # for the project's Gemfile
    sh(trixie, "sh", "-ec", "bundle install --quiet; mkdir -p tmp; bundle exec rake compile > tmp/compile.log 2>&1 || { tail -40 tmp/compile.log; exit 1; }")
  end

  desc "The specs of the gem on Ruby 3.3 and Rails 8.1, in a folder with Debian trixie"
  task("rails81" => "trixie") do
    specs = ENV.fetch("SPECS", "spec/workflow spec/native").split
    sh(trixie, "--as-is", "bundle", "exec", "rspec", "--require", "./spec/support/progress", "--format", "Progress", "--format", "failures", *specs)
  end

  desc "A new application of this machine's Rails, by README.md's commands, in Chromium"
  task("newapp" => "compile") do
    require_relative "../bin/support/new_app_story"
    NewAppStory.run(Places::Here.new)
  end

  desc "The same of Rails 8.1 on Ruby 3.3, in a folder with Debian trixie"
  task("newapp81" => "trixie") do
    require_relative "../bin/support/new_app_story"
    NewAppStory.run(Places::Trixie.new)
  end
end
