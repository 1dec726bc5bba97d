# frozen_string_literal: true

module Workflow
  module Generators
    # What the gem's generators have in common: a file that is there is never overwritten, a line that is there is not added
    # again, and each says so. Taken back (`rails destroy`), only what nobody has changed is removed.
    module Careful
      private
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

        def take_back(target, path, text)
          return unless File.exist?(target)
          return say_status(:kept, "#{path}: it was changed", :yellow) unless File.read(target) == text
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
