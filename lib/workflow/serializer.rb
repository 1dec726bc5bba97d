# frozen_string_literal: true

require "json"
require_relative "basic_arguments"

module Workflow
  # Arguments, inputs and results as bytes: JSON in exactly the format of Active Job, written by Active Job itself
  # when it is loaded, else by our own BasicArguments. Either reads what the other wrote.
  module Serializer
    LIMIT = 1 << 20

    # @param values [Array]
    # @param what [String] what they are, for errors: "the input of activate"
    # @param besides [Object] of what JSON knows, to stand behind them as it is
    # @return [String] at most 1 MiB
    # @raise [NotSerializable] naming what cannot be written
    # @raise [PayloadTooLarge] with the size, the limit and what it was
    def self.dump(values, what, besides = nil)
      written = format.serialize(values)
      written << besides if besides
      bytes = JSON.generate(written)
      return bytes if bytes.bytesize <= LIMIT
      raise PayloadTooLarge, "#{what} takes #{bytes.bytesize} bytes; the log takes at most #{LIMIT} (1 MiB). " \
        "Save it (a record, a file, a blob) and hand over what finds it."
    rescue PayloadTooLarge
      raise
    rescue StandardError => error
      raise unwritten(what, error)
    end

    # @param value [Object]
    # @param what [String] as of {dump}
    # @return [Object] the same of what JSON knows, for `besides`
    # @raise [NotSerializable]
    def self.write(value, what)
      format.serialize([ value ]).first
    rescue StandardError => error
      raise unwritten(what, error)
    end

    # @param written [Object] what {write} returned, read from JSON again
    # @return [Object]
    def self.read(written) = format.deserialize([ written ]).first

    # @param bytes [String, nil]
    # @return [Array] what was dumped; [] of nil
    def self.load(bytes) = format.deserialize(parse(bytes))

    # The first few values, without what stands behind them.
    # @param bytes [String, nil]
    # @return [Array]
    def self.load_first(count, bytes) = format.deserialize(parse(bytes).first(count))

    # @param bytes [String, nil]
    # @return [Object, nil] of what JSON knows, as it stands at that place
    def self.written_at(index, bytes) = parse(bytes)[index]

    # One of the values, without the others: a record among those may be gone.
    # @param bytes [String, nil]
    # @return [Object, nil]
    def self.load_at(index, bytes) = format.deserialize(parse(bytes)[index, 1] || []).first

    def self.parse(bytes) = bytes.nil? || bytes.empty? ? [] : JSON.parse(bytes.dup.force_encoding(Encoding::UTF_8))
    private_class_method :parse

    def self.unwritten(what, error)
      NotSerializable.new("#{what} cannot be written to the log: #{error.message}. Hand over numbers, strings, " \
        "symbols, dates, arrays, hashes or saved records.")
    end
    private_class_method :unwritten

    def self.format = defined?(::ActiveJob::Arguments) ? ::ActiveJob::Arguments : BasicArguments
    private_class_method :format
  end
end
