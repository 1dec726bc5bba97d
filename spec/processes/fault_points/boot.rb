# frozen_string_literal: true

# The booted process whose children are killed, for fault_points_spec.rb: with tmp/faults/lib, where the core with fault
# points is, first on its load path.
#
#   ruby -I tmp/faults/lib -I lib boot.rb '{"directory": "/tmp/…", "databases": {"sqlite": [{…}], …}}'
require "workflow"
require "workflow/verification"
require_relative "campaign"

setting = JSON.parse(ARGV.fetch(0), symbolize_names: true)
abort "This is not the core with fault points." unless Workflow::Store.load_core.library_path.include?("/faults/")
$stdout.sync = true
Thread.report_on_exception = false
ActiveRecord.eager_load!
ActiveRecord::Migration.verbose = false
Campaign.new(**setting, databases: setting[:databases].transform_keys(&:to_s)).run
