# frozen_string_literal: true

require "socket"

module Workflow
  # Who acts, as the log has it: "web:4711@host", "worker:4712@host", "console:…", "rake:…", else the program's name.
  module Role
    SERVERS = %w[puma unicorn falcon thin pitchfork rackup passenger iodine].freeze
    VARIABLE = :workflow_role

    class << self
      # @return [String] of the present thread
      def by = name(Thread.current.thread_variable_get(VARIABLE) || process)

      # @return [String] of this process's worker threads
      def worker = name("worker")

      # @return [Boolean] whether this is one of its worker threads
      def worker? = Thread.current.thread_variable_get(VARIABLE) == "worker"

      # Makes the present thread a worker's.
      def work = Thread.current.thread_variable_set(VARIABLE, "worker")

      private
        def name(role) = "#{role}:#{Process.pid}@#{host}"
        def host = @host ||= Socket.gethostname[0, 64]

        def process
          program = File.basename($PROGRAM_NAME)[/\A[\w.-]+/].to_s.sub(/\A-e\z/, "ruby")
          return "web" if SERVERS.include?(program) || defined?(::Rails::Server)
          return "console" if defined?(::Rails::Console) || program == "irb"
          program.empty? ? "ruby" : program[0, 32]
        end
    end
  end
end
