# frozen_string_literal: true

module Workflow
  # The runs of an object or of a class, newest first, read page by page. Enumerable; filters return another query.
  class Runs
    include Enumerable

    PAGE = 100
    FILTERS = %i[running waiting retrying failed done].freeze

    # @api private
    def self.of(object)
      subject = Subject.of(object)
      new(subject.identified? ? subject.prefix : nil)
    end

    # @api private
    def self.of_class(klass) = new("#{Subject.class_name(klass)}/")

    def initialize(prefix, wanted = [])
      @prefix, @wanted = prefix, wanted
    end

    # @yieldparam run [Run]
    def each(&block)
      return enum_for(:each) unless block
      pages { |page| page.map { |snapshot| Run.new(snapshot) }.select { |run| good?(run) }.each(&block) }
    end

    FILTERS.each { |state| define_method(state) { where { |run| run.state == state } } }

    # Those that have come to a step and not beyond it.
    # @return [Runs]
    # @example
    #   Order.workflows.at(:charge).count
    def at(step) = where { |run| run.current_step&.pinned_name == run.pinned_name(step) }

    # @return [Boolean]
    def empty? = first.nil?

    private
      def where(&test) = Runs.new(@prefix, @wanted + [ test ])
      def good?(run) = @wanted.all? { |test| test.call(run) }

      def pages
        before = nil
        while @prefix && (page = Workflow.engine.list(@prefix, before, PAGE)).any?
          yield page
          break if page.size < PAGE
          before = page.last[:id]
        end
      end
  end
end
