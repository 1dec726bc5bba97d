# frozen_string_literal: true

module Workflow
  module Travel
    # What is set where a step is about to run: locale, time zone and the CurrentAttributes of `config.travels`, each kept as
    # the application keeps it (a thread's or a fiber's), to be exchanged for a run's, and put back.
    class Surroundings
      NONE = {}.freeze

      class << self
        # What is not as it is by default.
        # @return [Hash{String=>Object}, nil] of what JSON knows; nil: nothing
        # @raise [NotSerializable, DefinitionError]
        def written
          locale, zone = special_locale, special_zone
          current = written_attributes unless Workflow.configuration.travels.empty?
          { "locale" => locale&.to_s, "zone" => zone&.name, "current" => current }.compact if locale || zone || current
        end

        # @return [Surroundings, nil] nil: there is nothing here that could travel
        def here = (new if locales? || zones? || !Workflow.configuration.travels.empty?)

        def locales? = defined?(::I18n.locale)
        def zones? = ::Time.respond_to?(:zone)

        private
          def special_locale
            return unless locales?
            locale = ::I18n.locale
            locale unless locale == ::I18n.default_locale
          end

          def special_zone
            return unless zones?
            zone = ::Time.zone
            zone unless zone.nil? || zone.equal?(::Time.zone_default)
          end

          def written_attributes
            found = Attributes.each.to_h { |attributes| [ attributes.class_name, attributes.written ] }.compact
            found if found.any?
          end
      end

      def initialize
        @locale = ::I18n.locale if self.class.locales?
        @zone = ::Time.zone if self.class.zones?
        @kept = keep unless Workflow.configuration.travels.empty?
      end

      # Sets what a run took along. What cannot be set, since it is gone, is reported, and is as by default.
      # @param taken [Hash] what {written} returned
      # @param work [Work] for the report
      # @return [void]
      def exchange(taken, work)
        @work = work
        locale = locale_of(taken["locale"])
        ::I18n.locale = locale unless locale == @locale
        zone = zone_of(taken["zone"])
        ::Time.zone = zone unless zone.equal?(@zone)
        current = taken["current"] || NONE
        @kept&.each_key { |attributes| set(attributes, current[attributes.class_name] || NONE) }
        current.each_key { |name| unknown(name) }
      end

      # Whatever the step has made of it.
      # @return [void]
      def put_back
        ::I18n.locale = @locale unless @locale.nil? || ::I18n.locale == @locale
        ::Time.zone = (@zone unless @zone.equal?(::Time.zone_default)) unless !self.class.zones? || @zone.equal?(::Time.zone)
      ensure
        @kept&.each { |attributes, kept| put_back_attributes(attributes, kept) }
      end

      private
        # What is not there any more, or cannot even be loaded, is told of when it would be set.
        def keep
          Attributes.each.each_with_object({}) do |attributes, kept|
            kept[attributes] = attributes.kept if attributes.current?
          rescue StandardError, ScriptError
            next
          end
        end

        def locale_of(name)
          return @locale && ::I18n.default_locale unless name
          return name.to_sym if @locale && (!::I18n.enforce_available_locales || ::I18n.locale_available?(name))
          lost("the locale #{name}", "it is none of this application's any more")
          @locale && ::I18n.default_locale
        end

        def zone_of(name)
          return ::Time.zone_default if name.nil? && self.class.zones?
          return unless name
          found = ::Time.find_zone(name) if self.class.zones?
          return found if found
          lost("the time zone #{name}", "it is not known here")
          ::Time.zone_default if self.class.zones?
        end

        def set(attributes, given)
          attributes.set(given) { |name, error| lost("#{attributes.class_name}.#{name}", veil(Report.text(error))) }
        rescue StandardError => error
          lost(attributes.class_name, veil(Report.text(error)))
        end

        def unknown(name)
          lost(name, "config.travels does not name it here, or it is not there") unless @kept&.each_key&.any? { |attributes| attributes.class_name == name }
        end

        def put_back_attributes(attributes, kept)
          attributes.put_back(kept)
        rescue StandardError => error
          Report.error(error, handled: true, context: @work ? Instrumentation.of_work(@work) : {}, veil: method(:veil))
        end

        # A writer may say what it was given.
        def veil(text) = @work ? Secrets::Veil.new.add(@work.args).over(text) : text

        def lost(what, why)
          Report.error(TravelLost.new("#{@work}: #{what} cannot be put back as it was where the run was started: #{why}. The step runs without."),
            handled: true, context: Instrumentation.of_work(@work))
        end
    end
  end
end
