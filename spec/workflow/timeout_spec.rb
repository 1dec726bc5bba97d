# frozen_string_literal: true

require "active_support"
require "active_support/notifications"

RSpec.describe "timeout: of a step" do
  let(:gate) { Queue.new }
  let(:entered) { Queue.new }
  let(:log) { StringIO.new }

  # A step that its first attempts do not come back from until the gate opens, and another step after it.
  def hanging(kind = :later, attempts: 1, **options)
    inside, door = entered, gate
    define("Hanging") do
      include Workflow
      remembers :number
      attr_reader :number
      workflow { public_send(kind, :hang, **options); later :after }
      define_method(:initialize) { |number = 0| @number = number }
      define_method(:hang) { (inside << number) && door.pop if workflow.attempt <= attempts }
      define_method(:after) { nil }
    end
  end

  # Threads are written off once the failure is in the log, where it may be seen before.
  def written_off(count) = eventually("#{count} threads are written off") { Workflow.engine.written_off(-1, 0) == count }

  def failure(run) = run.events.find { |event| event.kind == :step_failed }
  def threads = Thread.list.filter_map(&:name).grep(/\Aworkflow-worker/)

  it "fails the attempt at it, though the code goes on, and says so" do
    hanging(timeout: 0.05)
    work(threads: 1)
    run = Hanging.start.workflow

    eventually("it has failed") { run.reload.failed? }
    expect(failure(run).data).to include(reason: "timeout", message: "the step hang took longer than its timeout of 0.05 s")
    expect(run.step(:hang)).to have_attributes(state: :failed, reason: "timeout", attempts: 1)
    expect(run.error.class_name).to eq "Workflow::Interrupted"
    expect(failure(run).at - run.step(:hang).started_at).to be >= 0.05
    gate << 1
    eventually("nothing is in hand") { Workflow.engine.in_hand.zero? }
    expect(run.reload).to be_failed
    expect(run.events.map(&:kind).count(:step_completed)).to eq 0
  end

  # Whether a millisecond ends between two looks at a clock is chance: of one attempt in three it did.
  it "fails none before its time" do
    hanging(timeout: 0.005)
    work(threads: 40)
    runs = Array.new(40) { |number| Hanging.new(number).start.workflow }

    eventually("all have failed") { runs.all? { |run| run.reload.failed? } }
    runs.each { |run| expect(failure(run).at - run.step(:hang).started_at).to be >= 0.005 }
    runs.size.times { gate << 1 }
  end

  it "tries it again as the step's retries and backoff say" do
    hanging(timeout: 0.02, retries: 1, backoff: 60)
    work(threads: 1)
    run = Hanging.start.workflow

    eventually("it is to be retried") { run.reload.retrying? }
    retried = run.events.find { |event| event.kind == :step_retried }
    expect(retried.due_at - retried.at).to be_within(0.002).of(60)
    hanging(timeout: 3600, retries: 1) # time enough for one that comes back
    Workflow.engine.travel(61_000)
    eventually("it is done") { run.reload.done? }
    expect(run.step(:hang).attempts).to eq 2
    gate << 1
    eventually("the late result is refused") { Workflow.engine.in_hand.zero? }
    expect(run.reload.events.map(&:kind).count(:step_completed)).to eq 2
  end

  it "asks a backoff proc, before it can know" do
    asked = Queue.new
    hanging(timeout: 0.02, retries: 1, backoff: ->(attempt) { (asked << attempt) && 3600 })
    work(threads: 1)
    run = Hanging.start.workflow

    eventually("it is to be retried") { run.reload.retrying? }
    expect(run.step(:hang).due_at).to be_within(10).of(Time.now + 3600)
    expect(asked.pop).to eq 1
    gate << 1
  end

  it "is no reason for another attempt when retry_on or give_up_on say so" do
    [ { retry_on: IOError }, { give_up_on: Workflow::Interrupted }, { give_up_on: [ KeyError, Workflow::Error ] } ].each_with_index do |which, number|
      hanging(timeout: 0.02, retries: 5, **which)
      run = Hanging.new(number).start(place: :later)
      work(threads: 1)
      eventually("it has failed") { run.reload.failed? }
      expect(run.step(:hang).attempts).to eq 1
      gate << 1
      workers.pop.stop(timeout: 5)
    end
  end

  it "is another attempt when retry_on names it" do
    hanging(timeout: 0.02, retries: 1, backoff: 3600, retry_on: Workflow::Interrupted)
    work(threads: 1)
    run = Hanging.start.workflow

    eventually("it is to be retried") { run.reload.retrying? }
    gate << 1
  end

  it "leaves the others to another thread, which goes when the first one is back" do
    hanging(timeout: 0.05)
    work(threads: 1)
    runs = Array.new(2) { |number| Hanging.new(number).start }
    2.times { entered.pop }

    eventually("both have timed out, one after another") { runs.all? { |run| run.reload.failed? } }
    written_off(2)
    expect(threads.size).to eq 2
    2.times { gate << 1 }
    eventually("one thread is left") { threads.size == 1 && Workflow.engine.written_off(-1, 0).zero? }
    gate << 1
    later = Hanging.new(3).start
    eventually("it works on") { later.reload.step(:hang).completed? || later.failed? }
  end

  it "has never more than twice the threads, and says so in the log once" do
    Workflow.configuration.logger = Logger.new(log)
    hanging(timeout: 0.02)
    work(threads: 1)
    runs = Array.new(3) { |number| Hanging.new(number).start }
    eventually("two have timed out") { runs.count { |run| run.reload.failed? } == 2 }

    written_off(2)
    eventually("it is said") { log.string.include?("2 steps run on beyond their timeouts; only 1 threads are replaced") }
    expect(threads.size).to eq 2
    eventually("both are in it") { entered.size == 2 } # the time of a slow one is up before
    expect(log.string.scan("beyond their timeouts").size).to eq 1 # a slow third one makes it true anew, and is told anew
    3.times { gate << 1 }
    eventually("the third has had its turn") { runs.all? { |run| %i[failed done].include?(run.reload.state) } }
  ensure
    Workflow.configuration.logger = nil
  end

  it "counts for a caller's step too: the attempt has failed when the method returns" do
    hanging(:now, timeout: 0.02, retries: 1, backoff: 3600)
    opener = Thread.new { entered.pop and eventually("it has timed out") { Hanging.new.workflow.retrying? } and gate << 1 }
    run = Hanging.new.start

    expect(run).to be_retrying
    expect(run.step(:hang)).to have_attributes(reason: "timeout", attempts: 1)
    expect(run.events.map(&:kind)).not_to include(:step_completed)
    opener.join
  end

  def open_after_the_timeout
    Thread.new { entered.pop and eventually("it has timed out") { Workflow::Runs.of_class(Hanging).any?(&:failed?) } and gate << 1 }
  end

  it "is raised by start!" do
    hanging(:now, timeout: 0.02)

    open_after_the_timeout
    expect { Hanging.new.start! }.to raise_error(Workflow::Interrupted, /Hanging#hang .* longer than its timeout/)
  end

  it "is raised by now of a method" do
    hanging
    inside, door = entered, gate
    Hanging.class_eval { step :call, timeout: 0.02 }
    Hanging.define_method(:call) { (inside << 1) && door.pop }

    open_after_the_timeout
    expect { Hanging.new.now(:call) }.to raise_error(Workflow::Interrupted, /Hanging#call/)
  end

  # A method that ends in the moment of its timeout.
  def returning_when_the_log_says_so
    hanging
    spec = self
    Hanging.class_eval { step :call, timeout: 0.01 }
    Hanging.define_method(:call) { spec.eventually("the log says so") { Workflow.engine.find(workflow.id)[:state] == :failed } }
  end

  it "is raised though the method returns as soon as the log says that it has failed" do
    returning_when_the_log_says_so
    100.times { |number| expect { Hanging.new(number).now(:call) }.to raise_error(Workflow::Interrupted, /Hanging#call .* longer than its timeout/) }
  end

  describe "of a caller's step, to whoever listens" do
    let(:told) { Queue.new }

    around do |example|
      Workflow::LogSubscriber.attach_to :workflow
      Workflow.configuration.logger = Logger.new(log)
      ActiveSupport::Notifications.subscribed(->(name, *, payload) { told << [ name, payload[:step], payload[:reason] ] }, /\A(fail|retry|complete)\.workflow\z/) { example.run }
    ensure
      Workflow.configuration.logger = nil
      Workflow::LogSubscriber.detach_from :workflow
    end

    def all_told = Array.new(told.size) { told.pop }

    it "is told once, on its thread, though a worker of its process tells what workers do" do
      worker = work(threads: 1)
      hanging(:now, timeout: 0.02, retries: 1, backoff: 3600)
      opener = Thread.new { entered.pop and eventually("it has timed out") { Hanging.new.workflow.retrying? } and gate << 1 }
      Hanging.new.start
      opener.join
      expect(all_told).to eq [ [ "fail.workflow", :hang, "timeout" ], [ "retry.workflow", :hang, nil ] ]
      worker.stop

      expect(told).to be_empty
      expect(log.string.lines.grep(/Hanging#hang failed: /)).to contain_exactly(
        /WARN .* failed: Workflow::Interrupted: the step hang took longer than its timeout of 0.02 s \(attempt 1, timeout\); it is tried again at /
      )
    end

    it "is told though the method returns as soon as the log says that it has failed" do
      returning_when_the_log_says_so
      20.times { |number| expect { Hanging.new(number).now(:call) }.to raise_error Workflow::Interrupted }

      expect(all_told).to eq [ [ "fail.workflow", :call, "timeout" ] ] * 20
      expect(log.string.scan(/ERROR .* workflow: Workflow::Interrupted: /).size).to eq 20
    end
  end

  it "lets what is quick pass" do
    hanging(attempts: 0, timeout: 3600)
    work(threads: 1)
    run = Hanging.start.workflow

    eventually("it is done") { run.reload.done? }
    expect(Workflow.engine.written_off(-1, 0)).to eq 0
  end

  it "can be given with one call" do
    hanging
    inside, door = entered, gate
    Hanging.define_method(:call) { (inside << 1) && door.pop }
    run = Hanging.new.later(:call, timeout: 0.02)
    work(threads: 1)

    eventually("it has failed") { run.reload.failed? }
    expect(run.step(:call).reason).to eq "timeout"
    gate << 1
  end

  describe "of a caller that has kept further steps" do
    before do
      inside, door = entered, gate
      define("Hanging") do
        include Workflow
        workflow { together { now :hang, timeout: 0.05; now :other } }
        define_method(:hang) { (inside << true) && door.pop }
        define_method(:other) { nil }
      end
    end

    # In hand of a caller, who does not come back until the gate opens.
    def called
      @caller = Thread.new { Hanging.new.start }
      entered.pop
      Hanging.new.workflow
    end

    after { (gate << 1) && @caller.join }

    it "leaves them to the workers, before its method returns" do
      work(threads: 1)
      run = called

      eventually("the other is done") { run.reload.step(:other).completed? }
      expect(run.step(:other).by).to start_with "worker:"
      expect(run.step(:hang)).to have_attributes(state: :failed, reason: "timeout")
    end

    it "ends a run that is being cancelled, which waits for none of them" do
      run = called
      run.cancel

      eventually("it is cancelled") { run.reload.cancelled? }
      expect(run.steps.map(&:state)).to eq %i[cancelled cancelled]
    end
  end
end
