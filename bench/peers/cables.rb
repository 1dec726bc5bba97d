# frozen_string_literal: true

require_relative "contender"

module Bench
  # turbo-rails' broadcasts over an adapter of Action Cable, for pages that show changes; nothing else. bench/live has the application.
  class CableContender < Contender
    WHY = "not run: it has no jobs"

    def self.lacks = "what is sent while a page is not connected is lost"
    def self.cannot = ("a".."k").to_h { |key| [ key, WHY ] }

    def load = nil
    def sync_mode = "as Rails sets SQLite, synchronous=NORMAL"
  end

  class SolidCableContender < CableContender
    def self.configured = "turbo-rails' broadcast after the commit, in the worker; polling each 0.1 s (its default); messages and the row in one SQLite file"

    def versions = %w[solid_cable turbo-rails].map { |name| "#{name} #{Gem.loaded_specs.fetch(name).version}" }
    def live_environment = { "BENCH_CABLE" => "solid_cable" }
  end

  class RedisCableContender < CableContender
    def self.configured = "turbo-rails' broadcast after the commit, in the worker; Redis on a socket; the row in a SQLite file"

    def versions = %w[redis turbo-rails].map { |name| "#{name} #{Gem.loaded_specs.fetch(name).version}" }
    def live_environment = { "BENCH_CABLE" => "redis", "BENCH_REDIS" => "unix://#{@settings.fetch("redis").fetch("path")}" }
  end
end
