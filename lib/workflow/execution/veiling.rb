# frozen_string_literal: true

module Workflow
  class Execution
    # What a step is given that nobody else is to see, and how its words are kept free of that. Part of Execution.
    module Veiling
      # What the step reads that is not to be seen elsewhere.
      # @param bytes [String]
      # @return [Object]
      # @raise [KeyMissing]
      def opened(bytes)
        (@opened ||= []) << bytes
        Serializer.open(bytes).first
      end

      # What it says, without what it was given to keep to itself.
      # @param text [String]
      # @return [String]
      def veil(text) = veiling.over(text)

      private
        def message = veil(@error.message.to_s.dup.force_encoding(Encoding::UTF_8).scrub).byteslice(0, MESSAGE_LEN_MAX).scrub("")

        def veiling
          veil = Secrets::Veil.new
          [ work.args, work.subject, work.progress, @kept, *@opened ].each { |bytes| veil.add(bytes) }
          veil.add_input(@input)
        end
    end
  end
end
