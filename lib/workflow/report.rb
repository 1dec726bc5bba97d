# frozen_string_literal: true

module Workflow
  # Where errors go that nobody is there to rescue: Rails.error, which prints nothing itself, and a line in the log. And where
  # in the application one came from.
  module Report
    # @param handled [Boolean] whether another attempt follows
    # @param context [Hash] ids and names only
    # @param veil [#call, nil] takes what nobody is to see out of the line. Rails.error gets the error as it is
    # @param subscribed [Boolean] whether LogSubscriber has a line of it, which in Rails is the only one
    # @return [void]
    def self.error(error, handled:, context: {}, subscribed: false, veil: nil)
      rails = ::Rails.error if defined?(::Rails) && ::Rails.respond_to?(:error)
      rails&.report(error, handled: handled, severity: handled ? :warning : :error, context: context, source: "workflow")
      return if rails && subscribed
      Workflow.configuration.logger&.public_send(handled ? :warn : :error) do
        "workflow: #{veil ? veil.call(text(error)) : text(error)}#{" (#{where(error)})" if where(error)}#{" #{context}" if context.any?}"
      end
    end

    # @return [String] class and message in one line
    def self.text(error) = "#{error.class}: #{line(error.message.to_s)}"

    # What anybody wrote, as part of one line of a log: nothing in it begins a line of its own, or tells a terminal what to do.
    # @param text [String]
    # @return [String]
    def self.line(text) = text.scrub.strip.gsub(/\s*[\n\r\v\f\u0085\u2028\u2029]\s*/, " ").gsub(/[[:cntrl:]]/) { |found| found.dump[1..-2] }

    # @return [String, nil] "app/models/signup.rb:12", the first line of the backtrace that is the application's
    def self.where(error)
      lines = error.backtrace || []
      line = lines.find { |candidate| foreign.none? { |path| candidate.start_with?(path) } } || lines.first
      line&.delete_prefix("#{Workflow.configuration.root}/")&.slice(/\A.*?:\d+/)
    end

    def self.foreign
      @foreign ||= [ "#{__dir__}/", "<internal:", RbConfig::CONFIG["rubylibprefix"], *Gem.path, *Gem.loaded_specs.values.map(&:full_gem_path) ]
        .reject { |path| path == Workflow.configuration.root }
    end
    private_class_method :foreign
  end
end
