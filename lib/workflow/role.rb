# frozen_string_literal: true

require "etc"

module Workflow
  # Who acts, as the log has it: "web:4711@host", "worker:4712@host", "console:…", "rake:…", else the program's name.
  module Role
    SERVERS = %w[puma unicorn falcon thin pitchfork rackup passenger iodine].freeze
    VARIABLE = :workflow_role

    @names = {}

    class << self
      # @return [String] of the present thread
      def by = name(Thread.current.thread_variable_get(VARIABLE) || process)

      # @return [String] of this process's worker threads
      def worker = name("worker")

      # @return [Boolean] whether this is one of its worker threads
      def worker? = Thread.current.thread_variable_get(VARIABLE) == "worker"

      # @return [Boolean] whether this process serves pages
      def web? = process == "web"

      # Makes the present thread a worker's.
      def work = Thread.current.thread_variable_set(VARIABLE, "worker")

      # @return [String] this machine's name
      def host = @host ||= Etc.uname[:nodename][0, 64]

      private
        # Each start says it, so that it is kept until the process is another one, or is called otherwise.
        def name(role)
          pid, text = @names[role]
          return text if pid == Process.pid
          @names = { **@names, role => [ Process.pid, "#{role}:#{Process.pid}@#{host}".freeze ] }
          @names[role].last
        end

        def process
          return "web" if defined?(::Rails::Server)
          return "console" if defined?(::Rails::Console)
          @process, @program = program, $PROGRAM_NAME.dup unless @program == $PROGRAM_NAME
          @process
        end

        def program
          name = File.basename($PROGRAM_NAME)[/\A[\w.-]+/].to_s.sub(/\A-e\z/, "ruby")
          return "web" if SERVERS.include?(name)
          return "console" if name == "irb"
          name.empty? ? "ruby" : name[0, 32]
        end
    end
  end
end
