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
    # The methods that one sample of `now` steps calls: the workflow of one, that of many, and the many bare calls.
    NOW_STEPS = 11
    NOW_METHODS = 1 + 2 * NOW_STEPS
    CALLERS = 8
    POOL = 120
    CANNOT = {
      "d" => "not run: it has no parent that joins children",
      "h" => "not run: it has no steps that the caller's thread runs", "j" => "not run: it works in a Rails application, or in one that loads a database",
      "k" => "not run: held against an empty log of its own", "l" => "not run: it has no pages"
    }.freeze
    # How many threads of one process this contender can be given here.
    MOST_THREADS = 100

    # @return [String] where this measurement's files lie
    attr_reader :dir

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

    # Which workloads are not for it, and why. Its line of their tables then has dashes.
    # @return [Hash{String => String}]
    def self.cannot = CANNOT
    # What is to be said beside its number in one workload alone.
    # @return [Hash{String => String}]
    def self.remarks = {}
    # @return [String] what its number does not guarantee, and what else is to be said beside it
    def self.beside(workload) = [ remarks[workload], lacks ].compact.join("; ")

    # Whether a parent's children are joined, and a step of the parent follows.
    def self.joins? = false

    # Whether nothing that was started returns before it is on disk, so that each start by one thread has a sync of its own.
    def self.synced? = false

    # @return [Object, nil] what is queued and in progress, for who asks why it does not end
    def left = nil

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

    # Makes what the jobs of a parent want to find, before the clock runs.
    def lay_out(_numbers) = nil
    # Starts a parent with so many children, jobs of kind :noop, or those jobs alone if there is no such thing (joins?).
    def fan_out(numbers) = raise(NotImplementedError)

    # Runs a workflow of so many `now` steps, one or NOW_STEPS, in the caller's thread. Each notes its moment, the first under this number.
    def start_now(first, steps) = raise(NotImplementedError)
    # Calls the methods of NOW_STEPS such steps, without any workflow.
    def call_bare(first) = raise(NotImplementedError)

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

    # The processes that sync what this thread's connection was told to keep.
    def syncing = [ Process.pid ]

    # A worker as the command line starts it, without Rails, for the jobs of kind :resident.
    # @return [Array<String>]
    def resident_command(threads) = raise(NotImplementedError)
    # @return [Hash{String => String}] what that command finds in its environment
    def resident_environment = {}
    # @return [Integer, nil] how often that worker asked its store while the block ran; nil where nobody can count it
    def queries_of(pid) = raise(NotImplementedError)
    # In the process that measures: leaves the store alone, as if it were not there.
    def disconnect = nil

    # Before it connects: makes a store that has so much in it, of events or of runs that wait.
    # @param kind [Symbol] :done, :waiting
    def fill(kind, count) = raise(NotImplementedError)
    # What Ruby is to run: a worker that says when it had opened that store, and when its first step began.
    def boot_command = raise(NotImplementedError)

    # What the application of a page that shows changes finds in its environment.
    # @return [Hash{String => String}]
    def live_environment = raise(NotImplementedError)

    # How what was acknowledged is synced, as the store says itself.
    def sync_mode = raise(NotImplementedError)

    private
      # From several threads at once, where there is no way to enqueue many.
      def from_callers(numbers)
        slices = numbers.each_slice([ (numbers.size / CALLERS.to_f).ceil, 1 ].max)
        slices.map { |some| Thread.new { some.each { |number| yield number } } }.each(&:join)
      end

      # What a job of the peers is handed.
      def arguments(kind, number)
        case kind
        when :record then [ record(number + 1) ]
        when :stage then [ number, 0 ]
        else [ number ]
        end
      end

      # How it is handed a row: by its id, where it does not say otherwise.
      def record(id) = id
  end
end
