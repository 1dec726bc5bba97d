# frozen_string_literal: true

require_relative "declarations"

module Workflow
  # The words that `include Workflow` adds to a class: to declare, and to make an object and start it in one go.
  module Declaring
    # Declares a workflow; without a block, the definition.
    # @param name [Symbol, nil] one of several; by default :workflow
    # @param options [Hash] `unique:` (true): whether a subject has at most one open run; `while:`: a method, a proc or
    #   an array of these, asked before each step: once one says no, the run is cancelled; `on_destroy:` of a record:
    #   `:cancel` (the default) its open runs with it, or `:keep` them; `tags:`: what its runs are labelled with, a hash
    #   or a proc that is evaluated on the saved subject when a run starts; `mirror:` of a record: whether columns of its
    #   table say how its run stands (`bin/rails generate workflow:mirror signup` makes them)
    # @return [Definition]
    # @raise [DefinitionError] with file and line of what is wrong
    # @example
    #   workflow do
    #     now   :reserve
    #     later :charge, retries: 5
    #     await :confirm, expires_in: 10.days, otherwise: :chase
    #   end
    # @example with options
    #   workflow while: :active?, on_destroy: :keep, tags: -> { { plan: plan } } do
    #     later :charge, timeout: 30.seconds, retries: 3
    #   end
    def workflow(name = nil, *more, **options, &block)
      return Declarations.of(self).workflow!(Names.read_any("workflow", name, "a workflow")) unless block || options.any?
      location = Dsl.location
      raise DefinitionError, "#{location}: workflow with options takes a block of steps, and there is none. Write do … end behind it." unless block
      name = Options.checked_name("workflow", name.nil? ? :workflow : name, location, more, wanted: Declarations::WANTED_NAME)
      definition = Dsl.read(name, options, location, &block)
      Declarations.of(self).declare(definition)
      Destruction.watch(self) if Subject.record?(self)
      Mirror.watch(self) if definition.mirror?
      definition
    end

    # Options of a single method, for when it is run as `object.later(:call)`.
    # @param name [Symbol] of the method
    # @param options [Hash] `retries:` (0 to 1000), `backoff:` (`:exponential`, `:constant`, seconds or a proc of the attempt),
    #   `retry_on:` and `give_up_on:` (error classes), `timeout:` (seconds), `once:` (never started twice),
    #   `transaction:` (what it changes in its record's database is made once), `result:` (what it returns is kept), `unique:` (at most one open run of it for an object)
    # @return [void]
    # @raise [DefinitionError]
    # @example
    #   step :call, retries: 3, timeout: 300
    def step(name = nil, *more, **options)
      location = Dsl.location
      Declarations.of(self).declare_step(Options.checked_name("step", name, location, more), options, location)
    end

    # The readers whose values rebuild a plain object through `new`, matched to its parameters by name.
    # @return [void]
    # @raise [DefinitionError] of what is no name of a reader
    # @example
    #   remembers :index_name
    def remembers(*names)
      Declarations.of(self).remember(names, Dsl.location)
    end

    # Makes an object and starts its workflow. A record takes its attributes (a hash, permitted params or keywords)
    # and keeps the scope of a relation or association; a plain object takes what `new` takes.
    # @return [Object] the object; a record that is invalid comes back unsaved, with errors and no run
    # @example
    #   @signup = account.signups.start(params.require(:signup).permit(:email))
    def start(...) = defined?(super) ? super : Subject.make(self, ...).tap { |made| Caller.start(made) }

    # {#start} that raises.
    # @return [Object]
    # @raise [ActiveRecord::RecordInvalid, Rejected, StandardError]
    # @example
    #   Reindex.start!("books")
    def start!(...) = defined?(super) ? super : Subject.make(self, ...).tap { |made| Caller.start(made, raising: true) }

    # The object that a link is for, on a page of the application's own: of this class, or of a relation. That the link is
    # there to be used once is the log's part: submit, and see.
    # @param await [Symbol] the one with `by: :link`
    # @param token [Object] as it came
    # @return [Object, nil] nil: it is not ours, not for that await, or its time is over
    # @raise [DefinitionError] without Rails, whose secret signs the links; of what is no await of the class
    # @example
    #   @signup = Signup.find_by_workflow_token(:activate, params[:workflow_token]) or raise ActiveRecord::RecordNotFound
    #   @signup.submit(:activate)
    def find_by_workflow_token(await, token)
      return super if defined?(super)
      await = Names.read("find_by_workflow_token", await, "an await")
      found = Link.find(token)&.subject_of(self, await)
      Proof.known!(self, await) unless found
      found
    end

    # The runs of all objects of this class, newest first, those of single methods included. On a relation or an
    # association: of its records; on a subclass of a record's class: of its own.
    # @return [Runs]
    # @example
    #   Signup.workflows.waiting.first(10)
    #   account.signups.workflows.failed.at(:charge).count
    def workflows = defined?(super) ? super : Runs.of_class(self)
  end
end
