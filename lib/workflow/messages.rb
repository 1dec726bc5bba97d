# frozen_string_literal: true

module Workflow
  # Why a submission was not accepted, when the object has no ActiveModel::Errors: the few methods of theirs that a
  # caller needs.
  class Messages
    class << self
      # The errors of an object for one submission: a copy of its own kind if it has one, so that they outlive the
      # next `valid?`; the object's own say the same.
      # @param object [Object]
      # @param reasons [String, ActiveModel::Errors, nil] a message, or what a failed validation found
      # @return [ActiveModel::Errors, Messages]
      def for(object, reasons = nil)
        return new(reasons.respond_to?(:full_messages) ? reasons.full_messages : [ reasons ].compact) unless own?(object)
        add(object.errors, reasons)
        object.errors.class.new(object).tap { |copy| copy.copy!(object.errors) }
      end

      # Forgets what an earlier submission said.
      def clear(object)
        object.errors.clear if own?(object)
      end

      private
        def own?(object)
          defined?(::ActiveModel::Errors) && object.respond_to?(:errors) && object.errors.is_a?(::ActiveModel::Errors)
        end

        def add(errors, reasons)
          case reasons
          when nil, errors then nil
          when String then errors.add(:base, reasons)
          else reasons.each { |error| errors.import(error) }
          end
        end
    end

    # @return [Array<String>]
    attr_reader :full_messages

    def initialize(messages)
      @full_messages = messages
    end

    def [](attribute) = attribute.to_sym == :base ? full_messages : []
    def any? = full_messages.any?
    def empty? = full_messages.empty?
    def size = full_messages.size
    def to_hash = empty? ? {} : { base: full_messages }
    def each(&block) = full_messages.each(&block)
  end
end
