# frozen_string_literal: true

# A constant of this name that somebody else defined cannot be shared: say whose it is, before it is reopened. Bundler has read
# our version already, by another name of this folder where a Gemfile's path has a symbolic link in it.
if Object.const_defined?(:Workflow, false) && !Object.autoload?(:Workflow)
  other = Object.const_source_location(:Workflow)&.first
  if other && !(File.exist?(other) && File.realpath(other).start_with?("#{__dir__}/"))
    raise LoadError, "#{other} defines another Workflow, and #{__FILE__} defines the gem's: " \
      "the two cannot be loaded together. Remove one of the gems, or rename the application's constant."
  end
end

require_relative "workflow/version"
require_relative "workflow/error"             # everything that is raised

# What is declared.
require_relative "workflow/declaring"         # the words of a class: workflow, step, remembers, start
require_relative "workflow/declarations"      # what one class declared, with its parents'
require_relative "workflow/dsl"               # reads the block
require_relative "workflow/renamings"         # what steps were called in earlier code
require_relative "workflow/definition"        # a frozen graph of steps
require_relative "workflow/own_methods"       # which method a step means
require_relative "workflow/step_definition"   # one step: retries, what an error means
require_relative "workflow/options"           # which options there are, and good values
require_relative "workflow/wording"           # why an input is not accepted, in the application's locale
require_relative "workflow/keywords"          # whether a method can be called with an input
require_relative "workflow/fields"            # the fields of an input, and their types
require_relative "workflow/condition"         # if: and unless: of a step, while: of a workflow
require_relative "workflow/tags"              # what runs are labelled with
require_relative "workflow/configuration"     # store, threads, lease
require_relative "workflow/health"            # where probes are answered
require_relative "workflow/places"            # config/workflow.yml: where steps run
require_relative "workflow/blueprint"         # a definition as the core takes it

# What the log holds.
require_relative "workflow/serializer"        # arguments as bytes, in Active Job's format
require_relative "workflow/secrets"           # values that nobody is to see
require_relative "workflow/travel"            # what a run takes along from who starts it
require_relative "workflow/subject"           # the object of a run: bytes, key, and back
require_relative "workflow/memory"            # how plain objects are rebuilt
require_relative "workflow/run"               # one execution, as a reader sees it
require_relative "workflow/runs"              # many
require_relative "workflow/loaded_runs"       # the run that a record was given beforehand
require_relative "workflow/preloading"        # how a relation gives them
require_relative "workflow/step"              # a step of a run
require_relative "workflow/event"             # a fact
require_relative "workflow/failure"           # an error, as the log keeps it
require_relative "workflow/progress"          # how far a step says it is

# Who runs steps.
require_relative "workflow/words"             # the words of an object: start, submit, now, later, workflow
require_relative "workflow/inner_words"       # the words inside a step: reject, progress, note, checkpoint
require_relative "workflow/names"             # the names that these are given
require_relative "workflow/inclusion"         # how they get into a class
require_relative "workflow/caller"            # start, submit, now, later, for one object
require_relative "workflow/inline"            # the `now` steps that follow from one call
require_relative "workflow/input"             # what a submit is given
require_relative "workflow/submission"        # what became of a submit
require_relative "workflow/messages"          # why it was not accepted
require_relative "workflow/decorator"         # object.later.call
require_relative "workflow/receipts"          # the table that ties the application's database to the log
require_relative "workflow/intent"            # what the log is to be told once a transaction has committed
require_relative "workflow/commitment"        # who tells it
require_relative "workflow/pledge"            # an input that counts only if a transaction commits
require_relative "workflow/background"        # what is at work in a thread of its own
require_relative "workflow/recovery"          # who tells it when that one died
require_relative "workflow/work"              # a step in hand
require_relative "workflow/verdict"           # what a method said against an input
require_relative "workflow/gap"               # a step that the code has no more
require_relative "workflow/execution"         # one attempt: the method, and how it ended
require_relative "workflow/destruction"       # runs of records that are destroyed
require_relative "workflow/mirror"            # columns that say how runs stand
require_relative "workflow/worker"            # threads that take steps
require_relative "workflow/supervisor"        # a worker in the foreground, and its signals

# The process around them.
require_relative "workflow/runtime"           # the engine of this process
require_relative "workflow/store"             # how it is opened
require_relative "workflow/web_server"        # what this process is to Puma
require_relative "workflow/role"              # who acts: web:4711@host
require_relative "workflow/follower"          # the log as it grows
require_relative "workflow/instrumentation"   # notifications
require_relative "workflow/report"            # errors that nobody rescues

# A domain process, declared once on the class it belongs to, run step by step under a durable log.
module Workflow
  autoload :Command, "#{__dir__}/workflow/command"
  autoload :LogSubscriber, "#{__dir__}/workflow/log_subscriber"
  autoload :Helper, "#{__dir__}/workflow/helper"
  autoload :Proof, "#{__dir__}/workflow/proof"                      # awaits with by:
  autoload :Renewal, "#{__dir__}/workflow/renewal"                  # a new link or code
  autoload :Code, "#{__dir__}/workflow/code"                        # six digits
  autoload :Urls, "#{__dir__}/workflow/urls"                        # workflow_url_for, workflow_code_for
  autoload :Link, "#{__dir__}/workflow/link"                        # what a link says, and where it leads to
  autoload :LinkPages, "#{__dir__}/workflow/link_pages"             # the page behind it
  autoload :LinksController, "#{__dir__}/workflow/links_controller"
  autoload :LinkHelper, "#{__dir__}/workflow/link_helper"
  autoload :Form, "#{__dir__}/workflow/form"                        # workflow_form_for
  autoload :Region, "#{__dir__}/workflow/region"                    # what workflow_for makes
  autoload :LiveScript, "#{__dir__}/workflow/live_script"           # live.js, the browser's part of it
  autoload :StreamChannel, "#{__dir__}/workflow/stream_channel"     # which version a run is at, told to pages
  autoload :Check, "#{__dir__}/workflow/check"
  autoload :Guest, "#{__dir__}/workflow/guest"                      # a worker inside a web server
  autoload :TestHelper, "#{__dir__}/workflow/test_helper"           # a log for each test; "workflow/rspec" for RSpec's
  autoload :Verification, "#{__dir__}/workflow/verification"
  autoload :StreamName, "#{__dir__}/workflow/stream_name"           # signed, for a viewer, for a time

  @lock = Mutex.new
  @configuration = Configuration.new

  class << self
    # @return [Configuration] the one in use
    attr_reader :configuration

    # Sets what differs from the defaults. An engine that is open on another store is stopped.
    # @yieldparam configuration [Configuration]
    # @return [void]
    # @raise [StoreError, DefinitionError] of a bad value
    # @example
    #   Workflow.configure { |c| c.store = "sqlite:storage/x.sqlite3"; c.threads = 10 }
    def configure
      path = configuration.path
      yield configuration
      configuration.verify
      runtime.stop unless configuration.path == path
    end

    # What runs in this process.
    # @return [Runtime]
    # @api private
    def runtime = @runtime || @lock.synchronize { @runtime ||= Runtime.new(configuration) }

    # @return [Native::Engine] of this process, opened at first use and again after a fork
    # @raise [StoreError]
    # @api private
    def engine = runtime.engine

    # @return [Follower] of this process
    # @api private
    def follower = runtime.follower

    # The log over all runs, in order.
    # @param after [Integer] a position; 0 for the beginning
    # @param limit [Integer] at most so many, and at most 1000
    # @return [Array<Event>]
    # @example
    #   Workflow.events(after: last.position, limit: 100)
    def events(after: 0, limit: 1000) = engine.log(after, limit).first(limit).map { |row| Event.new(row) }

    # Checks that all steps of the classes that are loaded have their methods, and that config/workflow.yml and `travels` fit.
    # @param booting [Boolean] whether the application boots, which it can without its database: whether a record has an attribute that a step
    #   asks for is then found out at first use
    # @return [Integer] how many classes were checked
    # @raise [DefinitionError] naming file and line
    # @raise [ActiveRecord::ActiveRecordError] when a database cannot be asked, unless the application boots
    def verify(booting: false)
      classes = Declarations.classes
      classes.each { |klass| Declarations.of(klass).verify(booting: booting) }
      configuration.places.verify
      Travel.verify
      classes.size
    end

    # @api private
    def append_features(base) = Inclusion.into(base)
  end
end

require_relative "workflow/railtie" if defined?(Rails::Railtie)
