# frozen_string_literal: true

module Workflow
  module Generators
    # The value of one option as it is given on the command line, which has neither symbols nor braces: `expires_in=3.days`,
    # `by=link`, `remind=2.days/nudge`, `fields=code+note`. Nothing of it is evaluated.
    module Value
      DURATION = /\A(\d+(?:\.\d+)?)(?:\.(second|minute|hour|day|week|month|year)s?)?\z/
      NAME = /\A[a-z_]\w*[?!]?\z/
      CLASS = /\A[A-Z]\w*(::[A-Z]\w*)*\z/

      class << self
        # @param kind [Symbol] :now, :later or :await
        # @param option [Symbol]
        # @param text [String, nil] nil: it stands alone, as `once`
        # @param argument [String] what it is part of, for errors
        # @return [Array(String, Object)] the value as it is written in Ruby, and what it is
        # @raise [DefinitionError]
        def read(kind, option, text, argument)
          kind = kind == :await ? :await : :step
          type = Options::BUILT[kind][option]
          return [ "nil", nil ] unless type # the reader of workflows says what is wrong with it
          found = __send__(READERS.fetch(type, :nothing), text.to_s) or raise DefinitionError, "#{argument}: #{option}=#{text} is no value of #{option}:. #{EXAMPLES.fetch(type, "Write it in the class itself")}."
          found
        end

        private
          def whole(text) = text.match?(/\A\d+\z/) ? [ text, text.to_i ] : nil

          def duration(text)
            number, unit = text.match(DURATION)&.captures
            return unless number
            value = number.include?(".") ? number.to_f : number.to_i
            [ text, unit ? value.public_send("#{unit}s") : value ]
          end

          def name(text) = text.match?(NAME) ? [ text.to_sym.inspect, text.to_sym ] : nil

          def names(text)
            parts = text.split("+")
            return name(text) if parts.one?
            found = parts.map { |part| name(part) or return nil }
            [ "[ #{found.map(&:first).join(", ")} ]", found.map(&:last) ]
          end

          def backoff(text) = duration(text) || name(text)

          def flag(text) = { "" => [ "true", true ], "true" => [ "true", true ], "false" => [ "false", false ] }[text]

          def errors(text)
            found = text.split("+").map { |part| (Object.const_get(part) if part.match?(CLASS)) or return nil }
            [ found.one? ? found.first.name : "[ #{found.map(&:name).join(", ")} ]", found.one? ? found.first : found ]
          rescue NameError => error
            raise DefinitionError, "there is no class #{error.name}. Make it first, or write the option in the class afterwards."
          end

          def fields(text)
            found = text.split("+").map { |part| name(part)&.last or return nil }
            return if found.empty?
            [ "{ #{found.map { |field| "#{field}: String" }.join(", ")} }", found.to_h { |field| [ field, String ] } ]
          end

          def remind(text)
            time, method = text.split("/", 2)
            after, with = duration(time.to_s), name(method.to_s)
            [ "{ after: #{after.first}, with: #{with.first} }", { after: after.last, with: with.last } ] if after && with
          end

          def nothing(_) = nil
      end

      READERS = { count: :whole, duration: :duration, timeout: :duration, backoff: :backoff, errors: :errors, method: :name, flag: :flag, after: :names,
        conditions: :name, fields: :fields, remind: :remind, by: :name }.freeze

      EXAMPLES = { count: "Write a number: retries=5", duration: "Write a duration: 3.days, or seconds", timeout: "Write a duration: 30.seconds, or seconds",
        backoff: "Write exponential, constant or a duration", errors: "Write a class: retry_on=Net::OpenTimeout", method: "Write a method's name: otherwise=give_up",
        flag: "Write it alone, or with true or false", after: "Write a step, or several: after=charge+pack", conditions: "Write a method's name: if=paid?",
        fields: "Write names, which are strings: fields=code+note", remind: "Write remind=2.days/nudge", by: "Write by=link or by=code" }.freeze
      private_constant :READERS, :EXAMPLES
    end
  end
end
