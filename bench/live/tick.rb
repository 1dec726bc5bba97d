# frozen_string_literal: true

module Bench
  module Live
    # The peers: a row that a process changes, which then broadcasts the part of the page, as turbo-rails does after a commit.
    class Tick < ActiveRecord::Base
      self.table_name = "ticks"
      after_commit { Turbo::StreamsChannel.broadcast_replace_to(STREAM, target: "tick", html: Live.html(number)) }
    end

    def self.prepare
      ActiveRecord::Migration.verbose = false
      ActiveRecord::Schema.define { create_table(:ticks, force: true) { |t| t.integer :number, null: false } }
      load File.join(Gem.loaded_specs.fetch("solid_cable").full_gem_path, "lib/generators/solid_cable/install/templates/db/cable_schema.rb") if CABLE == "solid_cable"
      Tick.create!(number: 0)
    end

    def self.number = Tick.first!.number

    def self.work
      tick = Tick.first!
      while (number = $stdin.gets)
        moment = Time.now.to_f
        tick.update!(number: Integer(number))
        puts "#{number.to_i} #{moment}"
        $stdout.flush
      end
    end
  end
end
