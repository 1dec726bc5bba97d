# frozen_string_literal: true

# Which failures are tried again, and when: each form of the options, on a run.
RSpec.describe "retries of a step" do
  passing = Module.new
  declined = Class.new(StandardError)
  for_good = Class.new(declined)
  unreachable = Class.new(StandardError) { include passing }

  # The run of a step that fails so; each further failure is made by a caller, who does not wait for its time.
  def failing(error = StandardError, **options)
    define("Failing") do
      include Workflow
      workflow { now :go, **options }
      define_method(:go) { raise error, "no" }
    end
    Failing.new.tap(&:start).workflow
  end

  def delays(run, count)
    Array.new(count) do |number|
      Failing.new.now(:go) unless number.zero?
      retried = run.events.reverse.find { |event| event.kind == :step_retried }
      retried.due_at - retried.at
    end
  end

  describe "backoff:" do
    [ {}, { backoff: :exponential } ].each do |options|
      it "doubles from three seconds, a quarter up or down, with #{options}" do
        seconds = delays(failing(retries: 4, **options), 4)

        seconds.zip([ 3, 6, 12, 24 ]) { |delay, middle| expect(delay).to be_between(middle * 0.75, middle * 1.25) }
      end
    end

    { constant: [ :constant, [ 3, 3, 3 ] ], seconds: [ 0.25, [ 0.25, 0.25, 0.25 ] ], none: [ 0, [ 0, 0, 0 ] ],
      proc: [ ->(attempt) { attempt * 10 }, [ 10, 20, 30 ] ], method: [ 2.method(:**), [ 2, 4, 8 ] ] }.each do |form, (backoff, seconds)|
      it "is #{seconds.join(", ")} s of the form #{form}" do
        backoff = backoff.to_proc if backoff.is_a?(Method)

        expect(delays(failing(retries: 3, backoff: backoff), 3)).to eq seconds
      end
    end
  end

  describe "retry_on: and give_up_on:" do
    { "a class" => [ { retry_on: declined }, declined, true ],
      "its subclass" => [ { retry_on: declined }, for_good, true ],
      "not its parent" => [ { retry_on: for_good }, declined, false ],
      "one of an array" => [ { retry_on: [ IOError, declined ] }, for_good, true ],
      "none of an array" => [ { retry_on: [ IOError, KeyError ] }, declined, false ],
      "a module" => [ { retry_on: passing }, unreachable, true ],
      "not without the module" => [ { retry_on: passing }, declined, false ] }.each do |what, (options, error, again)|
      it "tries #{"not " unless again}again: #{what}" do
        expect(failing(error, retries: 2, **options).state).to eq(again ? :retrying : :failed)
      end
    end

    { "a class" => [ { give_up_on: declined }, declined ],
      "its subclass" => [ { give_up_on: declined }, for_good ],
      "one of an array" => [ { give_up_on: [ IOError, passing ] }, unreachable ],
      "before retry_on" => [ { give_up_on: for_good, retry_on: declined }, for_good ] }.each do |what, (options, error)|
      it "gives up on #{what}" do
        run = failing(error, retries: 2, **options)

        expect(run).to be_failed
        expect(run.step(:go).attempts).to eq 1
      end
    end

    it "tries again what is not given up on" do
      expect(failing(declined, retries: 1, give_up_on: for_good)).to be_retrying
    end
  end
end
