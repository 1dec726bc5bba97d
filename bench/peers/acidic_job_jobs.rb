# frozen_string_literal: true

module Bench
  class AcidicChild < AcidicJob::Base
    def perform(number) = Tally.note(number)
  end

  class AcidicParent < AcidicJob::Base
    def perform(count)
      @count = count
      with_acidic_workflow do |workflow|
        workflow.step :begin_children, awaits: :children
        workflow.step :join
      end
    end

    def begin_children = nil
    def children = Array.new(@count) { |number| AcidicChild.with(number) }
    def join = Tally.note(@count)
  end
end
