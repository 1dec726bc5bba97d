# frozen_string_literal: true

require "rails/generators"
require_relative "../careful"

module Workflow
  module Generators
    # bin/rails generate workflow:views signup: the partials that `workflow_for` has for each state, copied to where it looks
    # for the application's own. What is there already stays as it is; --force has it replaced.
    class ViewsGenerator < ::Rails::Generators::NamedBase
      include Careful

      desc "Copies the partials that workflow_for has for each state to where it looks for the application's own. What is there stays as it is."
      source_root File.expand_path("../../../workflow/views/workflow", __dir__)

      def copy_partials
        Workflow::Run::STATES.each do |state|
          file = "_#{state}.html.erb"
          path = File.join("app/views", class_path, plural_file_name, "workflow", file)
          next take_back(File.expand_path(path, destination_root), path, File.read(find_in_source_paths(file))) if behavior == :revoke
          copy_file file, path, skip: !options[:force]
        end
      end
    end
  end
end
