# frozen_string_literal: true

require_relative "workload"

module Bench
  # (e) The signup: a record is made and changed at once, by a job, by what a person sends, and by another job. All sign up,
  # workers being at work, and when they are through with that, all activate.
  class SignupWorkload < Workload
    COUNTED = "signups"

    def self.title(_) = "(e) signups (now, later, await, later) from #{THREADS} threads, with 1 worker process of #{THREADS} threads"
    def self.count(_, fast:, quick:) = quick ? (fast ? 20 : 6) : (fast ? 2000 : 300)
    def self.records? = true

    def measure
      with_crew(processes: 1, threads: THREADS) do |crew|
        crew.work
        from = Clock.now
        %i[sign_up activate].each do |act|
          from_threads(THREADS, numbers) { |number| @contender.public_send(act, number) }
          @until = crew.wait_until_drained
        end
        told({ "rate" => @count / (@until - from) }, faults(crew.dismiss.first))
      end
    end

    private
      def faults(ran)
        welcome = Application.count("welcome")
        [ *Faults.between(0...(@count * 2), ran), *("#{@count - welcome} signups did not come to their end" if welcome < @count) ]
      end
  end
end
