# frozen_string_literal: true

module Bench
  # Which workloads and contenders there are, without loading any of them.
  module Catalogue
    OURS = "workflow"

    # What a contender is called, its file and class, and the servers that it works on. "records" are those of the workloads with
    # records: the application's database is PostgreSQL for all, but where everything lies in SQLite.
    CONTENDERS = {
      OURS => { file: "workflow", class: :Ours, servers: [], records: [ "postgresql" ] },
      "sidekiq" => { file: "sidekiq", class: :SidekiqNative, servers: [ "redis" ], records: [ "postgresql" ] },
      "sidekiq_active_job" => { file: "sidekiq_active_job", class: :SidekiqActiveJob, servers: [ "redis" ], records: [ "postgresql" ] },
      "solid_queue_sqlite" => { file: "solid_queue", class: :SolidQueueSqlite, servers: [], records: [] },
      "solid_queue_postgresql" => { file: "solid_queue", class: :SolidQueuePostgresql, servers: [ "postgresql" ], records: [] },
      "good_job" => { file: "good_job", class: :GoodJobContender, servers: [ "postgresql" ], records: [] },
      "que" => { file: "que", class: :QueContender, servers: [ "postgresql" ], records: [] },
      "geneva_drive" => { file: "geneva_drive", class: :GenevaDriveContender, servers: %w[redis postgresql], records: [] },
      "acidic_job" => { file: "acidic_job", class: :AcidicJobContender, servers: %w[redis postgresql], records: [] },
      "solid_cable" => { file: "cables", class: :SolidCableContender, servers: [], records: [] },
      "redis_cable" => { file: "cables", class: :RedisCableContender, servers: [ "redis" ], records: [] }
    }.freeze

    WORKLOADS = {
      "a" => { file: "drain", class: :Drain }, "b" => { file: "records", class: :Records },
      "c" => { file: "sequence", class: :Sequence }, "d" => { file: "fan_out", class: :FanOut }, "e" => { file: "signup", class: :SignupWorkload },
      "f" => { file: "starts", class: :Starts }, "g" => { file: "latency", class: :Latency },
      "h" => { file: "now_steps", class: :NowSteps }, "i" => { file: "sleeping", class: :Sleeping },
      "j" => { file: "resident", class: :Resident }, "k" => { file: "size", class: :Size },
      "l" => { file: "live", class: :Live }
    }.freeze

    # What is to be installed for a workload besides servers, as Debian packages.
    PROGRAMS = { "f" => [ "strace" ], "j" => [ "strace" ], "l" => [ "chromium" ] }.freeze

    WITH_RECORDS = %w[b e].freeze

    def self.servers(contender, workloads)
      entry = CONTENDERS.fetch(contender)
      (workloads & WITH_RECORDS).any? ? entry[:servers] | entry[:records] : entry[:servers]
    end

    # Whether a contender can do any of the workloads; ours always takes part.
    def self.able?(name, workloads) = name == OURS || workloads.any? { |key| contender(name).cannot[key].nil? }

    def self.contender(name)
      entry = CONTENDERS.fetch(name)
      require_relative "../peers/#{entry[:file]}"
      Bench.const_get(entry[:class])
    end

    def self.workload(name)
      entry = WORKLOADS.fetch(name)
      require_relative "../workloads/#{entry[:file]}"
      Bench.const_get(entry[:class])
    end
  end
end
