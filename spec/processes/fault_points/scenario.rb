# frozen_string_literal: true

# One path: what there is before, by whom and how it was left; what is done by the process that is killed; and what must
# hold of what was done, beside what must hold always.
class Scenario
  @all = []

  class << self
    # @return [Array<Scenario>]
    attr_reader :all

    def define(name, &block) = all << new(name).tap { |scenario| scenario.instance_eval(&block) }
  end

  attr_reader :name, :stages, :doing, :checking

  def initialize(name)
    @name, @stages, @checking = name, [], ->(_) { }
  end

  # Done before, in a process of its own.
  # @param killed [String, nil] the point at which it was killed
  def before(killed: nil, &block) = stages << [ block, killed ]

  def act(&block) = @doing = block

  # @yieldparam facts [Facts]
  # @yieldreturn [Array<String>, String, nil] what is wrong
  def check(&block) = @checking = block
end
