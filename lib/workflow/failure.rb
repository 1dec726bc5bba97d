# frozen_string_literal: true

module Workflow
  # The error of an attempt as the log keeps it. The exception itself is gone with the process that raised it.
  Failure = Struct.new(:class_name, :message) do
    # @return [String] "Net::OpenTimeout: execution expired"
    def to_s = [ class_name, message ].compact.join(": ")
  end
end
