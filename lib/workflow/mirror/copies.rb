# frozen_string_literal: true

module Workflow
  module Mirror
    # A copy of a record has no run, whatever the columns of the original say. Included in classes that mirror.
    module Copies
      def initialize_dup(other)
        super
        Columns.names_of(self.class).each { |name| Columns.of(self.class, name).clear(self) }
      end
    end
  end
end
