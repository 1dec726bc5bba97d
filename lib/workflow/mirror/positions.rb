# frozen_string_literal: true

require "json"

module Workflow
  module Mirror
    # Up to where in the log the columns are true, of the workflows in one application database: kept in that database, so that it
    # goes with the columns where they go (a backup, a crash of the machine). Without the table of receipts it is not kept, and
    # whoever becomes keeper compares all records.
    class Positions
      TOKEN = "mirror"

      # @param klass [Class] of Active Record
      # @param log [String, nil] what log it is: another one counts its positions anew
      def initialize(klass, log)
        @receipts, @log = Receipts.of(klass), log
      end

      # @return [Integer, nil] nil: not known
      def of(key) = read[key]

      # @param keys [Array<String>] what is true
      # @return [void]
      def put(keys, position)
        return unless @receipts
        payload = JSON.generate(log: @log, at: read.merge(keys.to_h { |key| [ key, position ] }))
        @receipts.put(TOKEN, "mirror", payload)
      end

      private
        def read
          kept = JSON.parse(@receipts&.find(TOKEN)&.payload.to_s)
          kept.is_a?(Hash) && kept["log"] == @log && kept["at"].is_a?(Hash) ? kept["at"] : {}
        rescue JSON::ParserError
          {}
        end
    end
  end
end
