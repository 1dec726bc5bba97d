# frozen_string_literal: true

namespace :workflow do
  desc "Run the steps that are handed to workers (THREADS=5, HEALTH=127.0.0.1:7001)"
  task work: :environment do
    Workflow.configuration.health = ENV["HEALTH"] if ENV["HEALTH"].present?
    Workflow.configuration.threads = Integer(ENV["THREADS"], exception: false) || ENV["THREADS"] if ENV["THREADS"].present?
    threads = Workflow.configuration.threads
    exit Workflow::Supervisor.new(Workflow::Worker.new(threads: threads), threads: threads).run
  end

  desc "Look now for what the log has not been told of transactions that committed, instead of waiting for the next look"
  task settle: :environment do
    Rails.application.eager_load!
    status = Workflow::Recovery.settle($stdout)
    exit status unless status.zero?
  end

  desc "Compare the mirrored columns of all records with the log, and make them true"
  task mirror: :environment do
    Rails.application.eager_load!
    Workflow::Mirror.rebuild($stdout)
  end

  desc "Begin the log anew: all runs are gone (not in production)"
  task reset: :environment do
    Workflow::Store.reset($stdout)
  end

  desc "Check that all steps have their methods, that config/workflow.yml fits them, and that all open runs can go on with this code"
  task check: :environment do
    Rails.application.eager_load!
    puts "workflow: #{Workflow::Check.count(Workflow.verify, "class")} checked, all methods are there."
    puts check = Workflow::Check.new
    exit 1 unless check.good?
  end
end

# The records that runs are about are gone then, and others get their ids.
if defined?(ActiveRecord::Railtie)
  %w[db:drop db:truncate_all].each do |name|
    task name do
      Workflow::Store.reset($stdout) unless Rails.env.production?
    end
  end
end
