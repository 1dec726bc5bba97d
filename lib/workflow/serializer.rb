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
    # @return [String] at most 1 MiB
    # @raise [NotSerializable] naming what cannot be written
    # @raise [PayloadTooLarge] with the size, the limit and what it was
    def self.dump(values, what)
      bytes = JSON.generate(format.serialize(values))
      return bytes if bytes.bytesize <= LIMIT
      raise PayloadTooLarge, "#{what} takes #{bytes.bytesize} bytes; the log takes at most #{LIMIT} (1 MiB). " \
        "Save it (a record, a file, a blob) and hand over what finds it."
    rescue StandardError => error
      raise if error.is_a?(PayloadTooLarge)
      raise NotSerializable, "#{what} cannot be written to the log: #{error.message}. Hand over numbers, strings, " \
        "symbols, dates, arrays, hashes or saved records."
    end

    # @param bytes [String, nil]
    # @return [Array] what was dumped; [] of nil
    def self.load(bytes) = format.deserialize(parse(bytes))

    # One of the values, without the others: a record among those may be gone.
    # @param bytes [String, nil]
    # @return [Object, nil]
    def self.load_at(index, bytes) = format.deserialize(parse(bytes)[index, 1] || []).first

    def self.parse(bytes) = bytes.nil? || bytes.empty? ? [] : JSON.parse(bytes.dup.force_encoding(Encoding::UTF_8))
    private_class_method :parse

    def self.format = defined?(::ActiveJob::Arguments) ? ::ActiveJob::Arguments : BasicArguments
    private_class_method :format
  end
end
