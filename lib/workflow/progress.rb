# frozen_string_literal: true

module Workflow
  # How far a step says it is: `done` of so many, a message for people, and a cursor for its own next attempt. What was
  # told last is kept with the step, so it is small.
  Progress = Struct.new(:done, :of, :message, :cursor, keyword_init: true) do
    # @param bytes [String, nil] what {#dump} returned
    # @param own [Boolean] whether it is for the step itself, and not to be shown
    # @return [Progress, nil]
    def self.load(bytes, own: false)
      done, of, message, cursor = own ? Serializer.open(bytes) : Serializer.load(bytes)
      new(done: done, of: of, message: message, cursor: cursor) unless bytes.nil? || bytes.empty?
    end

    # @raise [ArgumentError] of numbers that say nothing
    def self.check(done, of)
      good = ->(number) { number.nil? || number.is_a?(Numeric) && number.real? && number.to_f.finite? && !number.negative? }
      raise ArgumentError, "progress: done is a number from 0, not #{done.inspect}. Say how many are done." unless good.call(done)
      return if good.call(of) && !of&.zero?
      raise ArgumentError, "progress: of: is a number above 0, not #{of.inspect}. Leave it out while it is not known."
    end

    # @return [Integer, nil] from 0 to 100; nil as long as nobody knows of how many
    # @example
    #   order.workflow.step(:import).progress&.percent  # => 40
    def percent = done && of && (100.0 * done / of).floor.clamp(0, 100)

    # @param what [String] whose it is, for errors
    # @return [String] at most 4 KiB
    # @raise [PayloadTooLarge, NotSerializable]
    def dump(what)
      bytes = Serializer.dump([ done, of, message, cursor ], "the progress of #{what}")
      return bytes if bytes.bytesize <= self.class::LIMIT
      raise PayloadTooLarge, "The progress of #{what} takes #{bytes.bytesize} bytes; a step keeps at most #{self.class::LIMIT} (4 KiB). " \
        "Save what is larger, and hand over what finds it."
    end

    # @return [String] "4 of 10: importing"
    def to_s = [ [ done, of ].compact.join(" of "), message ].reject { |part| part.to_s.empty? }.join(": ")
  end
  Progress::LIMIT = 4096
end
