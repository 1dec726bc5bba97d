# frozen_string_literal: true

require "bundler"
require "fileutils"
require "net/http"
require "open3"
require "pathname"
require_relative "program"
require_relative "readme_part"
require_relative "signup_app"

# What `rails new` makes with the Rails of the project's own bundle, and in it whatever README.md says to type, literally. The
# gem is next to it, as README.md has it.
class NewApp
  class Failed < StandardError; end

  NAME = "shop"
  # Tools around an application, which take long to install; and gems for development, one of which Bundler refuses on Debian's
  # Ruby 3.1. Of what an application consists nothing is left out.
  LEFT_OUT = %w[--skip-bundle --skip-dev-gems --skip-rubocop --skip-brakeman --skip-system-test].freeze
  LEFT_OUT_BY_8 = %w[--skip-kamal --skip-bundler-audit].freeze
  # What `rails new` does itself after it has installed the gems, by gem.
  INSTALLERS = { "importmap-rails" => "importmap:install", "turbo-rails" => "turbo:install", "stimulus-rails" => "stimulus:install",
    "solid_cache" => "solid_cache:install", "solid_queue" => "solid_queue:install", "solid_cable" => "solid_cable:install" }.freeze
  # Done before, by bin/support/setup.sh.
  PACKAGES = /\Aapt-get /

  # @param place [#folder, #seen, #root, #command, #env] the machine: this one, or a folder with another system
  def initialize(place, part)
    @place, @part = place, part
    @port = SignupApp.free_port
  end

  # @return [String] the versions of Ruby and Rails
  def make
    FileUtils.rm_rf(@place.folder)
    FileUtils.mkdir_p(@place.folder)
    FileUtils.ln_s(@place.root, @place.folder.join("workflow"))
    @rails = run("bundle exec rails --version", from: @place.root).strip
    run("bundle exec rails new #{folder} #{[ *LEFT_OUT, *(LEFT_OUT_BY_8 if @rails.match?(/ [89]\./)) ].join(" ")}", from: @place.root)
    install
    installers = INSTALLERS.filter_map { |gem, task| task if read("Gemfile").include?("\"#{gem}\"") }
    run("bin/rails #{installers.join(" ")}")
    "#{@rails}, Ruby #{run("ruby -e 'print RUBY_VERSION'")}"
  end

  # Types what is to be typed, up to the start of the server; then what any application does with its code before a deploy.
  def follow
    @part.things.each { |thing| thing.is_a?(ReadmePart::Snippet) ? write(thing) : type(thing.text) }
    run("bin/rails zeitwerk:check")
  end

  # Fills in a generated method.
  def fill_in(path, method, code)
    head = /^( *)def #{method}\n/
    raise Failed, "#{path} has no method #{method}." unless read(path).match?(head)
    inside(path).write(read(path).sub(head) { "#{$&}#{$1}  #{code}\n" })
  end

  # @return [Pathname] a file of the application on this disk
  def inside(path) = @place.folder.join(NAME, path)

  def start
    command, = @part.start
    tell("$ #{command}")
    @server = Program.new("server", @place.command("cd #{folder} && exec env PORT=#{@port} #{command}"),
      env: @place.env, dir: SignupApp::ROOT, output: @place.folder.join("server.out"))
    @server.start(within: 180) { answering? }
  end

  def stop = @server&.stop
  def url = "http://localhost:#{@port}#{@part.start.last}"

  # @return [String] the end of what the server has said
  def said = @server&.output&.exist? ? "The server said:\n#{@server.said.lines.last(40).join}" : ""

  private
    def folder = @place.seen.join(NAME)
    def read(path) = inside(path).read

    # Without the network where everything is installed: `bundle install` alone asks for what is new.
    def install = run("bundle install --local || bundle install")

    def type(text)
      return tell("(#{text}: done before)") if text.match?(PACKAGES)
      install if text == "bundle install"
      tell("$ #{text}")
      run(text)
    end

    def answering?
      Net::HTTP.get_response(URI("http://localhost:#{@port}/up")).is_a?(Net::HTTPSuccess)
    rescue SystemCallError, IOError, Timeout::Error
      false
    end

    # A Gemfile and routes are added to; any other file is written.
    def write(snippet)
      path, text = inside(snippet.path), snippet.text
      tell("  #{snippet.path}")
      path.dirname.mkpath
      case snippet.path
      when "Gemfile" then path.write("#{path.read}\n#{text}")
      when "config/routes.rb" then path.write(path.read.sub(/\.draw do\n/) { "#{$&}#{text}" })
      else path.write(text)
      end
    end

    def tell(line) = puts(line)

    # An error says what it is at its beginning, and a command what it did at its end.
    def shortened(said)
      lines = said.lines
      lines.size <= 60 ? said : [ *lines.first(30), "[…]\n", *lines.last(30) ].join
    end

    def run(text, from: folder)
      said, status = Open3.capture2e(@place.env, *@place.command("cd #{from} && { #{text}; }"),
        unsetenv_others: true, chdir: SignupApp::ROOT.to_s, stdin_data: "")
      raise Failed, "#{text}: exit #{status.exitstatus}\n#{shortened(said)}" unless status.success?
      said
    end
end
