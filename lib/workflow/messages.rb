# frozen_string_literal: true

module Workflow
  # Why a submission was not accepted, when the object has no ActiveModel::Errors: the few methods of theirs that a
  # caller needs.
  class Messages
    class << self
      # The errors of an object for one submission: a copy of its own kind if it has one, so that they outlive the
      # next `valid?`; the object's own say the same.
      # @param object [Object]
      # @param reasons [String, ActiveModel::Errors, Hash{Symbol=>Array<String>}, nil] a message, what a failed validation
      #   found, or what is wrong with the fields of an input
      # @return [ActiveModel::Errors, Messages]
      def for(object, reasons = nil)
        return of(reasons) unless own?(object)
        add(object.errors, reasons)
        object.errors.class.new(object).tap { |copy| copy.copy!(object.errors) }
      end

      # Of what was accepted, whatever the steps that followed have left on the object.
      # @return [ActiveModel::Errors, Messages]
      def none(object) = own?(object) ? object.errors.class.new(object) : new

      # @param reasons [#full_messages, Exception, String]
      # @return [String] one sentence for the log, or for an exception
      def text(reasons)
        return reasons.full_messages.join(", ") if reasons.respond_to?(:full_messages)
        reasons.is_a?(String) ? reasons : reasons.message
      end

      # Forgets what an earlier submission said.
      def clear(object)
        object.errors.clear if own?(object)
      end

      private
        def own?(object)
          defined?(::ActiveModel::Errors) && object.respond_to?(:errors) && object.errors.is_a?(::ActiveModel::Errors)
        end

        def of(reasons)
          return new(reasons) if reasons.is_a?(Hash)
          new(base: reasons.respond_to?(:full_messages) ? reasons.full_messages : [ reasons ].compact)
        end

        def add(errors, reasons)
          case reasons
          when nil, errors then nil
          when String then errors.add(:base, reasons)
          when Hash then reasons.each { |field, texts| texts.each { |text| errors.add(field, text) } }
          else reasons.each { |error| errors.import(error) }
          end
        end
    end

    # @param texts [Hash{Symbol=>Array<String>}] by field; under :base what belongs to none
    def initialize(texts = {})
      @texts = texts.reject { |_, list| list.empty? }
    end

    # @return [Array<String>] each with its field in front
    # @example
    #   submission.errors.full_messages  # => [ "Code is missing" ]
    def full_messages = @texts.flat_map { |field, texts| texts.map { |text| full_message(field, text) } }

    # @param field [Symbol, String] :base for what belongs to no field
    # @return [Array<String>] what is wrong with it; none if nothing is
    def [](field) = @texts.find { |name, _| name.to_s == field.to_s }&.last.to_a

    # @return [Array<Symbol>] what something is wrong with; :base among them if it belongs to no field
    # @example
    #   submission.errors.attribute_names  # => [ :code ]
    def attribute_names = @texts.keys

    # @param field [Symbol]
    # @return [Boolean] whether something is wrong with it
    # @example
    #   submission.errors.include?(:code)
    def include?(field) = self[field].any?
    alias key? include?

    # Over the sentences of {#full_messages}, as Enumerable's and Active Model's.
    # @return [Boolean]
    # @example
    #   submission.errors.any?
    def any?(...) = full_messages.any?(...)
    # @return [Boolean] whether nothing is wrong
    def empty? = @texts.empty?
    # @return [Integer] of all texts
    def size = @texts.sum { |_, texts| texts.size }
    # @return [Hash{Symbol=>Array<String>}] a copy
    def to_hash = @texts.transform_values(&:dup)
    # @yieldparam sentence [String]
    # @example
    #   submission.errors.each { |sentence| puts sentence }
    def each(&block) = full_messages.each(&block)

    private
      # As Active Model words it.
      def full_message(field, text)
        return text if field == :base
        name = field.to_s.delete_suffix("_id").tr("_", " ").strip
        "#{name[0].to_s.upcase}#{name[1..]} #{text}"
      end
  end
end
