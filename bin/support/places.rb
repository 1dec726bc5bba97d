# frozen_string_literal: true

require "bundler"
require "pathname"

# Where a new application is made.
module Places
  ROOT = Pathname(__dir__).join("../..").expand_path

  # This machine. New gems come to the project's own.
  class Here
    # @return [Pathname] where it is on this disk
    def folder = ROOT.join("tmp/newapp")
    # @return [Pathname] where commands see that
    def seen = folder
    # @return [Pathname] where they see the project
    def root = ROOT
    def command(text) = [ "sh", "-c", text ]

    # @return [Hash] all that a command finds in its environment
    def env
      Bundler.unbundled_env.reject { |name,| name.match?(/\A(RAILS_ENV|RACK_ENV|DATABASE_URL|WORKFLOW_.*|BUNDLE_.*|RUBYOPT|RUBYLIB)\z/) }
        .merge("BUNDLE_PATH" => ROOT.join("vendor/bundle").to_s, "BUNDLE_SILENCE_ROOT_WARNING" => "1")
    end
  end

  # Debian trixie in a folder: Ruby 3.3, and Rails 8.1 in a bundle of its own.
  class Trixie
    RAILS = "~> 8.1.0"

    def folder = disk.join("newapp")
    def seen = Pathname("/newapp")
    def root = Pathname("/project")
    def command(text) = [ ROOT.join("bin/support/trixie.sh").to_s, "--as-is", "sh", "-c", text ]
    def env = Bundler.unbundled_env.merge("RAILS" => RAILS)

    private
      def disk = Pathname(ENV.fetch("WORKFLOW_TRIXIE", ROOT.join("tmp/trixie").to_s))
  end
end
