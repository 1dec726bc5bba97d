# frozen_string_literal: true

module Workflow
  module Generators
    # What the gem's generators have in common: a file that is there is never overwritten, a line that is there is not added
    # again, and each says so. Taken back (`rails destroy`), only what nobody has changed is removed.
    module Careful
      # An option that there is not is refused, rather than left out in silence.
      def self.included(generator) = generator.check_unknown_options!

      private
        def refuse(message) = raise(::Thor::Error, "workflow: #{message}\nNothing was written.")

        # Rails itself takes the first database for one that it does not know.
        def refuse_database
          return unless options[:database] && defined?(::ActiveRecord::Base)
          known = ::ActiveRecord::Base.configurations.configs_for(env_name: ::Rails.env).map(&:name)
          return if known.include?(options[:database])
          refuse("there is no database #{options[:database]}.#{Suggestion.for(options[:database], known)} config/database.yml has, for #{::Rails.env}: #{known.join(", ")}.")
        end

        # @param source [String] a template
        # @param path [String] where it belongs
        # @return [void]
        def once(source, path, mode: nil)
          text = render(source)
          target = File.expand_path(path, destination_root)
          return take_back(target, path, text) if behavior == :revoke
          if File.exist?(target)
            return say_status(File.read(target) == text ? :identical : :kept, path, :blue)
          end
          changed
          create_file(path, text)
          chmod(path, mode, verbose: false) if mode
        end

        # @return [String] a template with what it says of this application
        def render(source) = ERB.new(File.read(find_in_source_paths(source)), trim_mode: "-").result(binding)

        # One that somebody has edited, or that an older Rails has made, is not made again.
        # @param name [String] of a migration, and of its template
        # @return [Boolean] whether it is there
        def migration_there?(name, source = "#{name}.rb.erb")
          found = Dir.glob("[0-9]*_#{name}.rb", base: File.expand_path(db_migrate_path, destination_root)).first or return false
          path = File.join(db_migrate_path, found)
          say_status(File.read(File.expand_path(path, destination_root)) == render(source) ? :identical : :kept, path, :blue)
          true
        end

        # Puts text behind the last line of a file.
        def append_line(path, line)
          changed
          text = File.read(File.expand_path(path, destination_root))
          append_to_file(path, "#{"\n" unless text.empty? || text.end_with?("\n")}#{line}\n")
        end

        # The opposite, of lines that are as they were added.
        def take_out(path, lines)
          target = File.expand_path(path, destination_root)
          return unless File.read(target).include?(lines)
          say_status :subtract, path
          File.write(target, File.read(target).sub(lines, "")) unless options[:pretend]
        end

        # @param texts [Array<String>] any of which may have been made
        def take_back(target, path, *texts)
          return unless File.exist?(target)
          return say_status(:kept, "#{path}: it was changed", :yellow) unless texts.include?(File.read(target))
          say_status :remove, path
          File.delete(target) unless options[:pretend]
        end

        def there?(path) = File.exist?(File.expand_path(path, destination_root))

        def changed = @changed = true

        def changed? = !!@changed

        # @return [Boolean] whether the application has no pages
        def api?
          options[:api] || ::Rails.application&.config.respond_to?(:api_only) && !!::Rails.application.config.api_only
        end
    end
  end
end
