# frozen_string_literal: true

require "rails/railtie"
require "active_support/fork_tracker"

module Workflow
  # What a Rails application gets without a line: its own store, config/workflow.yml, steps inside its reloader, a line
  # in its log for each transition, the view helpers, the page behind links, the script of live pages, the tasks, and the
  # check of all methods after eager loading.
  class Railtie < ::Rails::Railtie
    # Numbers where Rack 3.1 has another name than those before it.
    RESPONSES = {
      "Workflow::NotPending" => :conflict, "Workflow::NotWaiting" => :conflict, "Workflow::Rejected" => 422, "Workflow::SubjectMissing" => :not_found,
      "Workflow::RunMissing" => :not_found, "Workflow::BadInput" => :bad_request, "Workflow::PayloadTooLarge" => 413
    }.freeze
    # What a link or a form carries.
    FILTERED = [ :workflow_token, "input.code" ].freeze
    private_constant :RESPONSES, :FILTERED

    initializer "workflow.constant", after: :set_autoload_paths do
      Railtie.refuse_clash(ActiveSupport::Dependencies.autoload_paths)
    end

    initializer "workflow.configuration", before: :load_config_initializers do |app|
      Workflow.configuration.adopt(root: app.root.to_s, environment: ::Rails.env.to_s,
        store: "sqlite:storage/#{::Rails.env}_workflow.sqlite3", logger: ::Rails.logger,
        filter_parameters: -> { app.config.filter_parameters }, secret_key: -> { app.secret_key_base },
        wrapper: ->(&step) { app.reloader.wrap(&step) })
    end

    initializer "workflow.reload" do |app|
      app.config.watchable_files << Workflow.configuration.file
    end

    initializer "workflow.log" do
      LogSubscriber.attach_to :workflow
    end

    initializer "workflow.views" do
      ActiveSupport.on_load(:action_view) { include Workflow::Helper, Workflow::Urls }
      ActiveSupport.on_load(:action_mailer) { include Workflow::Urls }
      ActiveSupport.on_load(:action_controller) { include Workflow::Urls }
      ActiveSupport.on_load(:action_controller) { append_view_path(File.expand_path("views", __dir__)) if respond_to?(:append_view_path) }
    end

    initializer "workflow.live" do |app|
      app.executor.to_run { Region.begin }
      app.executor.to_complete { Region.end }
    end

    # Before those that read it; and after the application's own, which may have begun a new list.
    initializer("workflow.filter") { |app| app.config.filter_parameters |= FILTERED }
    initializer("workflow.filter_again", after: :load_config_initializers) { |app| app.config.filter_parameters |= FILTERED }

    # Before the application's own, which may end with one for whatever is left.
    initializer "workflow.links" do |app|
      app.routes.prepend do
        path = Workflow.configuration.link_path
        resource :workflow_link, only: %i[show create], path: path, controller: "workflow/links" if path
        live = Workflow.configuration.live_path
        get "#{live}-:digest.js", to: LiveScript, as: :workflow_live, constraints: { digest: /\h+/ }, format: false if live
      end
    end

    # What a request has asked for too late, or in vain, is no failure of the application's. What that says itself counts.
    initializer "workflow.errors", before: "action_dispatch.configure" do |app|
      app.config.action_dispatch.rescue_responses.reverse_merge!(RESPONSES) if app.config.respond_to?(:action_dispatch)
    end

    config.to_prepare { Workflow.configuration.reload }
    config.after_initialize { |app| Workflow.verify(booting: true) if app.config.eager_load }

    # A probe comes before the first page that uses a workflow. What a cluster's master has loaded is served by what it forks.
    config.after_initialize do
      Workflow.runtime.await_probes
      ActiveSupport::ForkTracker.after_fork { Workflow.runtime.await_probes_of_worker }
    end

    # What is done in a sandbox is undone at its end: the log, which is no part of the database's transaction, is another one.
    console do |app|
      if app.sandbox?
        require_relative "test_helper"
        TestHelper.enter
        at_exit { TestHelper.leave }
        puts "workflow: this sandbox has a log of its own, without runs, which is gone at its end"
      end
    end

    rake_tasks { load File.expand_path("tasks.rake", __dir__) }

    # @raise [DefinitionError] when the application has a file that defines a Workflow of its own
    # @api private
    def self.refuse_clash(paths)
      other = paths.map { |path| File.join(path.to_s, "workflow.rb") }.find { |file| File.exist?(file) }
      return unless other
      raise DefinitionError, "#{other} defines the application's own Workflow, and #{File.expand_path("../workflow.rb", __dir__)} " \
        "defines the gem's: the two cannot be loaded together. Rename the application's, or put it in a module."
    end
  end
end
