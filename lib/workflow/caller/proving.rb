# frozen_string_literal: true

module Workflow
  class Caller
    # The code of an await with `by: :code`: taken out of the input, which is what the log keeps, and checked while the
    # await is claimed, before its method is called. Part of Caller.
    module Proving
      private
        def by_code?(run, step) = declarations.workflow(run.name)&.step(step)&.by == :code

        # @return [Array(Hash, Hash)] the input without it, and what is wrong with it
        def take_code(input)
          code, rest = input.partition { |name, _| name.to_s == "code" }
          @code, wrong = Code.read(code.dig(0, 1))
          [ rest.to_h, wrong ? { code: [ wrong ] } : {} ]
        end

        # @param run [Run] as it is since it was claimed
        # @return [Submission, nil] nil: it is right, or none is wanted
        def unproved(inline, run, name)
          return unless by_code?(run, name)
          code = Code.new(run, run.step(name), declarations.workflow(run.name).step(name))
          return verdict(run, { code: [ Wording.of(:code_spent) ] }, Rejected) if code.spent?
          return if code.right?(@code)
          snapshot, events, = inline.hand.reject(nil, Code::REJECTION, nil, true, nil)
          verdict(inline.go_on(snapshot, events, nil), { code: [ Wording.of(:code_wrong) ] }, Rejected)
        end
    end
  end
end
