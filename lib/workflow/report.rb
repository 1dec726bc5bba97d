# frozen_string_literal: true

module Workflow
  # Where errors go that nobody is there to rescue: Rails.error, else the configured logger. And where in the
  # application one came from.
  module Report
    # @param handled [Boolean] whether another attempt follows
    # @param context [Hash] ids and names only
    # @return [void]
    def self.error(error, handled:, context: {})
      if defined?(::Rails) && ::Rails.respond_to?(:error) && ::Rails.error
        ::Rails.error.report(error, handled: handled, severity: handled ? :warning : :error, context: context, source: "workflow")
      else
        Workflow.configuration.logger&.public_send(handled ? :warn : :error) { "#{error.class}: #{error.message} #{context}" }
      end
    end

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
