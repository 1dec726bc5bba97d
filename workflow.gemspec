# frozen_string_literal: true

require_relative "lib/workflow/version"

Gem::Specification.new do |spec|
  spec.name = "workflow"
  spec.version = Workflow::VERSION
  spec.authors = [ "The workflow authors" ]
  spec.summary = "A domain process, declared once on the class it belongs to, run step by step under a durable log"
  spec.description = "Declare a process as now, later and await steps on a model or a plain object. " \
    "Callers, workers and people each run their part; a core in C keeps the log, the time and the claims."
  spec.license = "MIT"
  spec.required_ruby_version = ">= 3.1"

  spec.files = Dir["lib/**/*.{rb,erb,js,rake}", "ext/**/*.{c,h,rb,md}", "exe/*", "*.md", "docs/*.md", "docs/images/*", "LICENSE"]
  spec.bindir = "exe"
  spec.executables = [ "workflow" ]
  spec.extensions = [ "ext/workflow/extconf.rb" ]
  spec.metadata = { "rubygems_mfa_required" => "true" }

  spec.add_dependency "sqlite3", ">= 1.7"
end
