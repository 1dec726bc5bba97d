# frozen_string_literal: true

require_relative "../harness/tally"

module Bench
  # What every contender can be asked to do. It is loaded once in a process that connects to nothing; each measurement forks, and so
  # do its workers: `connect` in each of them, `prepare` in the one that measures.
  #
  # The kinds of jobs are those of all: :noop notes its number; :record does that through a row of the application's database; :stage
  # is the first of five that follow each other; :sleep waits 10 ms; :watch notes when it began.
  class Contender
    SLEEP_S = 0.01
    STAGES = 5
    POOL = 120
    # How many threads of one process this contender can be given here.
    MOST_THREADS = 100

    # @param settings [Hash] "dir", and the addresses of the servers
    def initialize(settings)
      @settings = settings
    end

    # What its number does not guarantee.
    def self.lacks = raise(NotImplementedError)
    # As what it was configured, and why: its documentation's advice for throughput.
    def self.configured = raise(NotImplementedError)
    # Whether it is given the full counts, or those for contenders that make some hundred jobs a second.
    def self.fast? = false
    def self.most_threads = MOST_THREADS

    # The code, before any fork.
    def load = raise(NotImplementedError)
    # @return [Array<String>] of the gems that it brings
    def versions = raise(NotImplementedError)

    # Where this measurement's files lie, and whether it has records. Still connects to nothing.
    def settle(dir, records:)
      @dir, @records = dir, records
      load_records if records
    end

    # The models of the workloads that have records.
    def load_records = nil

    # What each process needs before it enqueues or works.
    def connect = nil
    # Connects, and makes everything empty.
    def prepare = connect

    # Puts jobs in the queue, the quickest way there is.
    # @param kind [Symbol]
    # @param numbers [Array<Integer>]
    def enqueue(kind, numbers) = raise(NotImplementedError)
    # Puts one in the queue, as an application does in a request.
    def start_one(kind, number) = raise(NotImplementedError)

    # Whether nothing is queued or, as far as others than the workers can know, in progress.
    def drained? = raise(NotImplementedError)

    # In a worker process, before anything is measured: code that only workers have.
    def load_worker = nil
    # In a worker process: begins to take jobs, with so many threads.
    def work(threads) = raise(NotImplementedError)
    # In a worker process: whether it has nothing in hand, where only it knows.
    def idle? = true
    # In a worker process: takes no more, and waits for those in hand.
    def quit = raise(NotImplementedError)

    # How what was acknowledged is synced, as the store says itself.
    def sync_mode = raise(NotImplementedError)
  end
end
