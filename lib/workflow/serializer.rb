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
    # @yield encrypts what is not to be read in them; without a block {Secrets.seal} does
    # @return [String] at most 1 MiB
    # @raise [NotSerializable] naming what cannot be written
    # @raise [PayloadTooLarge] with the size, the limit and what it was
    def self.dump(values, what, besides = nil)
      written = format.serialize(block_given? ? yield(values) : Secrets.seal(values))
      written << besides if besides
      bytes = JSON.generate(written)
      refuse_reserved(values) if Secrets.in?(bytes)
      return bytes if bytes.bytesize <= LIMIT
      raise PayloadTooLarge, "#{what} takes #{bytes.bytesize} bytes; the log takes at most #{LIMIT} (1 MiB). " \
        "Save it (a record, a file, a blob) and hand over what finds it."
    rescue PayloadTooLarge, DefinitionError
      raise
    rescue NotSerializable => error
      raise error.cause ? NotSerializable.new("#{what}: #{error.message}") : unwritten(what, error)
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

    # The same, with what is not to be read in it encrypted.
    def self.write_sealed(value, what)
      written = write(Secrets.seal([ value ]).first, what)
      refuse_reserved([ value ]) if Secrets.in?(JSON.generate(written))
      written
    end

    # @param written [Object] what {write} returned, read from JSON again
    # @return [Object]
    # @raise [KeyMissing]
    def self.read(written) = format.deserialize([ Secrets.open(written) ]).first

    # For whoever shows it.
    # @param bytes [String, nil]
    # @return [Array] what was dumped, with "[FILTERED]" for what was encrypted; [] of nil
    def self.load(bytes) = format.deserialize(Secrets.in?(bytes) ? Secrets.mask(parse(bytes)) : parse(bytes))

    # For the step that it is for.
    # @param bytes [String, nil]
    # @param count [Integer, nil] of the values, without what stands behind them
    # @return [Array] what was dumped; [] of nil
    # @raise [KeyMissing]
    def self.open(bytes, count = nil)
      written = count ? parse(bytes).first(count) : parse(bytes)
      format.deserialize(Secrets.in?(bytes) ? Secrets.open(written) : written)
    end

    # @param bytes [String, nil]
    # @return [String, nil] to be shown where it cannot be read
    def self.text(bytes) = Secrets.in?(bytes) ? JSON.generate(Secrets.mask(parse(bytes))) : bytes

    # @param bytes [String, nil]
    # @return [Object, nil] of what JSON knows, as it stands at that place
    def self.written_at(index, bytes) = parse(bytes)[index]

    # One of the values, without the others: a record among those may be gone.
    # @param bytes [String, nil]
    # @return [Object, nil]
    def self.load_at(index, bytes) = format.deserialize(parse(bytes)[index, 1] || []).first

    # @param bytes [String, nil]
    # @return [Array] of what JSON knows, as it was written
    def self.parse(bytes) = bytes.nil? || bytes.empty? ? [] : JSON.parse(bytes)

    # Whoever could write what an encrypted value looks like could have any opened.
    def self.refuse_reserved(values)
      return unless Secrets.in?(JSON.generate(format.serialize(values)))
      raise NotSerializable, "the hash key #{Secrets::KEY} is reserved"
    end
    private_class_method :refuse_reserved

    def self.unwritten(what, error)
      NotSerializable.new("#{what} cannot be written to the log: #{error.message}. Hand over numbers, strings, " \
        "symbols, dates, arrays, hashes or saved records.")
    end
    private_class_method :unwritten

    def self.format = defined?(::ActiveJob::Arguments) ? ::ActiveJob::Arguments : BasicArguments
    private_class_method :format
  end
end
