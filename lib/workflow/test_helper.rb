# frozen_string_literal: true

require "fileutils"
require "tmpdir"

module Workflow
  # For Minitest's test classes; `require "workflow/rspec"` does the same for RSpec. Each test has a log of its own: the database
  # forgets a test's records and gives their ids again, so that in a log that stays the next test would meet the runs of the one before.
  #
  # @example
  #   ActiveSupport::TestCase.include Workflow::TestHelper # in test/test_helper.rb; `workflow:install` writes it
  module TestHelper
    @lock = Mutex.new
    @using = 0

    class << self
      # @yield with a log that is empty, and gone afterwards with what the block has started in this process: workers, streams
      # @return [Object] the block's value
      # @raise [StoreError] when there can be none
      # @example
      #   Workflow::TestHelper.with_log { Signup.start(email: "a@example.com").workflow.state } # => :waiting
      def with_log
        enter
        begin
          yield
        ensure
          leave
        end
      end

      # Tests in threads at the same time share one.
      # @api private
      def enter
        @lock.synchronize do
          open if @using.zero?
          @using += 1
        end
      end

      # @api private
      def leave
        @lock.synchronize do
          @using -= 1
          close if @using.zero?
        end
      end

      private
        def open
          @store, @directory = Workflow.configuration.store, Dir.mktmpdir("workflow")
          Workflow.configure { |config| config.store = "sqlite:#{@directory}/log.sqlite3" }
        end

        def close
          Workflow.configure { |config| config.store = @store }
        ensure
          FileUtils.rm_rf(@directory)
        end
    end

    # @api private
    def before_setup
      TestHelper.enter
      @workflow_log = true
      super
    end

    # Before the database forgets the test: what is at work still sees it.
    # @api private
    def after_teardown
      TestHelper.leave if @workflow_log
      super
    end
  end
end
